import CachePolicy from "http-cache-semantics";
import type { OutboundRequest } from "./line.ts";
import type { Reply } from "./send.ts";

/** What an isolate keeps: so many bytes in so many URLs, and of one URL so many variants. */
export interface CacheLimits {
  readonly bytes: number;
  readonly urls: number;
  readonly variants: number;
  /** Longest body that is kept at all. */
  readonly bodyBytes: number;
}

const LIMITS: CacheLimits = {
  bytes: 8_388_608,
  urls: 1_000,
  variants: 4,
  bodyBytes: 262_144,
};

type Answer = Pick<Reply, "status" | "headers" | "body">;

interface Variant {
  /** See `told`. */
  readonly told: string;
  readonly policy: CachePolicy;
  readonly answer: Answer;
  readonly bytes: number;
}

/** Answers by their URL and whoever may see them. */
export interface AnswerCache {
  /** An answer that may be given again, with its age; null when there is none. */
  recall(owner: string, request: OutboundRequest): Answer | null;
  /** Keeps an answer if it allows that, and forgets what a change has made untrue. */
  remember(owner: string, request: OutboundRequest, reply: Reply): void;
}

/** A private cache (RFC 9111): it obeys what answers say of themselves, and guesses nothing. */
const POLICY = { shared: false, cacheHeuristic: 0, immutableMinTimeToLive: 0 };
/** What only `Vary` decides on. The credential is none of the headers; `cacheAs` stands for it. */
const NEGOTIATING: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "cache-control",
  "prefer",
]);
/** What an answer takes besides its body, roughly. */
const OVERHEAD_BYTES = 2_048;

/**
 * Makes an empty cache. Not the platform's own: its keys leave out whose answer it is.
 */
export function createAnswerCache(limits: CacheLimits = LIMITS): AnswerCache {
  // A Map iterates in the order of insertion: its first key was idle longest.
  const kept = new Map<string, readonly Variant[]>();
  let bytes = 0;

  function put(key: string, variants: readonly Variant[]): void {
    for (const variant of kept.get(key) ?? []) bytes -= variant.bytes;
    kept.delete(key);
    if (variants.length === 0) return;
    kept.set(key, variants);
    for (const variant of variants) bytes += variant.bytes;
    for (const oldest of kept.keys()) {
      if (kept.size <= limits.urls && bytes <= limits.bytes) break;
      put(oldest, []);
    }
  }

  return {
    recall(owner, request) {
      const key = keyOf(owner, request);
      const variants = key === null ? undefined : kept.get(key);
      if (key === null || !variants) return null;
      const found = variants.find(fits(request));
      if (!found) return null;
      put(key, variants);
      const { status, body } = found.answer;
      return { status, body, headers: headersOf(found.policy.responseHeaders()) };
    },
    remember(owner, request, reply) {
      const key = keyOf(owner, request);
      if (key === null) return;
      // RFC 9111, section 4.4: who has changed it does not want to be shown what it was.
      if (!isSafe(request.method)) {
        if (reply.status < 400) put(key, []);
        return;
      }
      const isTooLong = reply.isCut || reply.body.byteLength > limits.bodyBytes;
      if (request.method !== "GET" || reply.redirected || isTooLong) return;
      const asked = asAsked(request);
      const { status, headers, body } = reply;
      const policy = new CachePolicy(asked, { status, headers: recordOf(headers) }, POLICY);
      if (!policy.storable() || policy.timeToLive() <= 0) return;
      const isOld = fits(request);
      const others = (kept.get(key) ?? []).filter(
        (other) => !other.policy.stale() && !isOld(other),
      );
      const answer = { status, headers, body };
      const variant = { told: told(request), policy, answer, bytes: sizeOf(answer) };
      put(key, [variant, ...others].slice(0, limits.variants));
    },
  };
}

function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

function keyOf(owner: string, { cacheAs, url }: OutboundRequest): string | null {
  return cacheAs === null ? null : JSON.stringify([owner, cacheAs, url.href]);
}

function asAsked({ method, url, headers }: OutboundRequest): CachePolicy.Request {
  return { method, url: url.href, headers: recordOf(headers) };
}

function fits(request: OutboundRequest): (variant: Variant) => boolean {
  const asked = asAsked(request);
  const what = told(request);
  return (variant) => variant.told === what && variant.policy.satisfiesWithoutRevalidation(asked);
}

/**
 * Headers of the application's own. Several people of a tenant ask here, and what one of them is
 * answered because of such a header is not for the others, whatever `Vary` forgets.
 */
function told({ headers }: OutboundRequest): string {
  return JSON.stringify([...headers].filter(([name]) => !NEGOTIATING.has(name)));
}

function recordOf(headers: Headers): Record<string, string> {
  return Object.fromEntries(headers);
}

function headersOf(record: CachePolicy.Headers): Headers {
  const pairs = Object.entries(record).map(([name, value]) => [name, String(value)]);
  return new Headers(pairs as [string, string][]);
}

function sizeOf({ headers, body }: Answer): number {
  const ofHeaders = [...headers].reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    0,
  );
  return OVERHEAD_BYTES + ofHeaders + body.byteLength;
}
