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

/** Attempts at a delivery before it has failed. */
export const MOST_TRIES = PAUSES_MS.length + 1;
/** So many leases, more than it has attempts, may a delivery lose one after the other: faults of ours. */
const LOST_LEASES = 3;
export const MOST_LEASES = MOST_TRIES + LOST_LEASES;

/** What a receiver may ask for at most, in ms. */
const LONGEST_ASKED_MS = 24 * HOUR;
/** A pause that was asked for gets longer by up to this part of it. */
const ASKED_JITTER = 0.1;

/**
 * The pause after a failed attempt in ms; null after the last one.
 * @param tries attempts that failed so far
 * @param random a number from 0 up to 1
 */
export function pauseAfter(tries: number, random: number): number | null {
  const pause = PAUSES_MS[tries - 1];
  return pause === undefined ? null : Math.round(pause * (1 - JITTER + 2 * JITTER * random));
}

/**
 * For how long a destination is left in peace in ms, where so long was asked for: a day at most, and a
 * little more, so that not all who were told one and the same time come back at it.
 * @param random a number from 0 up to 1
 */
export function peaceFor(askedMs: number, random: number): number {
  return Math.round(Math.min(askedMs, LONGEST_ASKED_MS) * (1 + ASKED_JITTER * random));
}
