import type { BreakerOptions, BreakerOrder } from "../breaker/index.ts";

/** Somebody else's system, and how it is called. */
export interface Line {
  /** Names it in logs, breakers, rates and caches: `service:…` or `destination:…`, with its id. */
  readonly key: string;
  /** For the whole call in ms: connecting, redirects, the last byte of the body, all attempts. */
  readonly timeoutMs: number;
  readonly retry: { readonly maxAttempts: number; readonly baseMs: number };
  /** Null: as fast as it comes. */
  readonly ratePerSecond: number | null;
  readonly breaker: BreakerOptions;
  readonly order: BreakerOrder;
  readonly maxResponseBytes: number;
  /** Otherwise a redirect is an answer like any other. */
  readonly followRedirects: boolean;
}

export interface OutboundRequest {
  readonly method: string;
  readonly url: URL;
  /** Checked: no header that is the connection's own. */
  readonly headers: Headers;
  readonly body: Uint8Array | null;
  /** Whether asking twice does no harm: the method is safe, or the target knows an idempotency key. */
  readonly repeatable: boolean;
  /** Keeps answers to GETs that allow it. Changes with the credential; null: nothing is kept. */
  readonly cacheAs: string | null;
}

export interface OutboundAnswer {
  readonly status: number;
  /** Without `Set-Cookie` and what is the connection's own. */
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly attempts: number;
  readonly durationMs: number;
  readonly cached: boolean;
}
