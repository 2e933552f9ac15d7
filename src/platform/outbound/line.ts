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
  /**
   * What becomes of an answer with a longer body: it cannot be used, or its beginning counts. Where it
   * does, so does what has come of a body that breaks off, or takes its time.
   */
  readonly longAnswers: "refuse" | "cut";
  /** Otherwise a redirect is an answer like any other. */
  readonly followRedirects: boolean;
}

export interface OutboundRequest {
  readonly method: string;
  readonly url: URL;
  /** Checked: no header that is the connection's own. */
  readonly headers: Headers;
  /** The header by which the target knows us, apart from the others: no cache and no other origin gets it. */
  readonly credential?: readonly [name: string, value: string] | null;
  readonly body: Uint8Array | null;
  /** Whether asking twice does no harm: the method says so, or the target knows an idempotency key. */
  readonly repeatable: boolean;
  /** Keeps answers to GETs that allow it. Changes with the credential; null: nothing is kept. */
  readonly cacheAs: string | null;
  /** Awaited once, before anything is sent and when nothing else stands in the way; fails the call. */
  readonly beforeSending?: () => Promise<void>;
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
