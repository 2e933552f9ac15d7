import { wholeSeconds } from "../whole-seconds.ts";
import type { Verdict } from "./index.ts";

/** How a request stands with one limit. */
export type Standing = Verdict["limits"][number];

/** Limits that a request has met, by name: what the headers of its answer tell of. */
export type MetLimits = Map<string, Standing>;

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): lists of structured
 * fields (RFC 9651). Quotas `q` and what is left `r` in requests, windows `w` and times `t` in seconds.
 */
export function rateLimitHeaders(met: MetLimits): Record<string, string> {
  const standings = [...met.values()];
  if (standings.length === 0) return {};
  const policies = standings.map(({ limit: { name, policy } }) => {
    return `"${name}";q=${policy.limit};w=${wholeSeconds(policy.windowMs)}`;
  });
  const left = standings.map(({ limit: { name }, remaining, resetMs }) => {
    return `"${name}";r=${Math.max(0, Math.floor(remaining))};t=${wholeSeconds(resetMs)}`;
  });
  return { "ratelimit-policy": policies.join(", "), ratelimit: left.join(", ") };
}
