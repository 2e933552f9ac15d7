import type { BreakerOptions } from "../../platform/breaker/index.ts";

/** What goes into each request to the service, but for the credential itself. */
export type ApiAuth =
  | { readonly type: "none" }
  | { readonly type: "bearer" }
  | { readonly type: "basic"; readonly username: string }
  | { readonly type: "header"; readonly name: string };

/** How a service's API is called, as stored: without its credential. */
export interface ApiSettings {
  readonly base_url: string;
  readonly auth: ApiAuth;
  readonly timeout_ms?: number;
  readonly retry?: { readonly max_attempts?: number; readonly base_ms?: number };
  readonly rate_limit_per_second?: number;
  readonly breaker?: Partial<BreakerOptions>;
}
