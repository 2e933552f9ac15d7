/** When a delivery that failed is tried again: about 28 hours, as Standard Webhooks suggests. */

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000];

/** Pauses after the first attempt, the second and so on, in ms. */
const PAUSES_MS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  10 * HOUR,
] as const;
/** Each is longer or shorter by up to this part of it. */
const JITTER = 0.2;
/** What a receiver may ask for at most, in ms. */
const LONGEST_WAIT_MS = 24 * HOUR;

/** Attempts at a delivery before it has failed. */
export const MOST_TRIES = PAUSES_MS.length + 1;

/**
 * The pause after a failed attempt in ms; null after the last one.
 * @param tries attempts so far
 * @param random a number from 0 up to 1
 */
export function pauseAfter(tries: number, random: number): number | null {
  const pause = PAUSES_MS[tries - 1];
  return pause === undefined ? null : Math.round(pause * (1 - JITTER + 2 * JITTER * random));
}

/**
 * What `Retry-After` asks for (RFC 9110, section 10.2.3: seconds, or a date), in ms from `now`; at
 * most a day, and 0 where it says nothing.
 */
export function waitAskedFor(header: string | null, now: number): number {
  const text = header?.trim() ?? "";
  const ms = /^\d+$/.test(text) ? Number(text) * SECOND : Date.parse(text) - now;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), LONGEST_WAIT_MS);
}
