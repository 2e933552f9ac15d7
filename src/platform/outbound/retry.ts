import { pauseMs } from "../jobs/backoff.ts";
import type { Sent } from "./send.ts";

/** Answers that say of themselves that they may not last (RFC 9110, RFC 6585). */
const PASSING: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);
/** Longest pause that we choose ourselves, in ms. */
const LONGEST_MS = 30_000;

/** Whether the next attempt may well end otherwise. */
export function isPassing(sent: Sent): boolean {
  return sent.failure
    ? sent.failure.code === "downstream-unreachable"
    : isPassingStatus(sent.reply.status);
}

/** Whether an answer says of itself that it may not last. */
export function isPassingStatus(status: number): boolean {
  return PASSING.has(status);
}

/**
 * How long to wait before the next attempt, in ms: as jitter says, and no less than the service asks
 * for.
 * @param attempt number of the attempt that failed, from 1
 */
export function waitMs(
  sent: Sent,
  attempt: number,
  { baseMs, random, now }: { baseMs: number; random: number; now: number },
): number {
  const own = pauseMs(attempt, { baseMs, capMs: LONGEST_MS }, random);
  const asked = sent.reply ? retryAfterMs(sent.reply.headers.get("retry-after"), now) : 0;
  return Math.max(own, asked);
}

/** `Retry-After` (RFC 9110, section 10.2.3) in ms from now; 0 when it says nothing of use. */
export function retryAfterMs(value: string | null, now: number): number {
  if (value === null) return 0;
  if (/^\d+$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}
