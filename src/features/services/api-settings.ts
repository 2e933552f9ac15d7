import { BREAKER_DEFAULTS, type BreakerOptions } from "../../platform/breaker/index.ts";

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
  readonly idempotency_header?: string;
  readonly breaker?: Partial<BreakerOptions>;
}

/** The same with what was left out. */
export interface CompleteApi {
  readonly base_url: string;
  readonly auth: ApiAuth;
  readonly timeout_ms: number;
  readonly retry: { readonly max_attempts: number; readonly base_ms: number };
  /** Null: as fast as it comes. */
  readonly rate_limit_per_second: number | null;
  /** Null: it knows none, and cannot tell a repeat from another request. */
  readonly idempotency_header: string | null;
  readonly breaker: BreakerOptions;
}

/** Where the settings say nothing else; times in ms. */
export const API_DEFAULTS = { timeoutMs: 10_000, maxAttempts: 3, baseMs: 200 } as const;

/** Settings with the defaults in the place of what was left out. */
export function completeApi(api: ApiSettings): CompleteApi {
  const { timeoutMs, maxAttempts, baseMs } = API_DEFAULTS;
  const { max_attempts = maxAttempts, base_ms = baseMs } = api.retry ?? {};
  return {
    base_url: api.base_url,
    auth: api.auth,
    timeout_ms: api.timeout_ms ?? timeoutMs,
    retry: { max_attempts, base_ms },
    rate_limit_per_second: api.rate_limit_per_second ?? null,
    idempotency_header: api.idempotency_header ?? null,
    breaker: { ...BREAKER_DEFAULTS, ...api.breaker },
  };
}
