/**
 * Recovery without a rush. Whoever waited while the breaker was open comes at once when it closes,
 * and a service that has just come back falls over again. So the calls a second that are let through
 * grow on a line from the half-open permits to a little over the healthy rate, and stay there while
 * more than that is asked for: until the waiting ones have come through. Till then no second sees
 * more than 1.2 times the healthy rate, if that is ten times the half-open permits or more; below, it
 * sees at most so many as there are permits more than 1.08 times the rate.
 */
import type { BreakerOptions } from "./options.ts";

/** How many calls a second there are while all is well. */
export interface Pace {
  /** The second that is being counted, since 1970; null before the first. */
  readonly second: number | null;
  readonly count: number;
  /** The busy seconds before it, each counting a little less than the one after it. */
  readonly sum: number;
  readonly weight: number;
}

/** The growing limit after recovery, as a bucket of tokens. Times are the object's, in ms. */
export interface SlowStart {
  readonly startedAt: number;
  readonly tokens: number;
  readonly filledAt: number;
  /** Asked for since then, whether or not it was let through. */
  readonly asked: number;
  readonly askedSince: number;
}

/** Seconds that make up the healthy rate, roughly: half a minute. */
const KEPT = 29 / 30;
/** More than the healthy rate, or what waited would wait for ever. */
const HEADROOM = 1.08;
/** Share of a second's calls that may come at one moment, or as many as there are permits. */
const BURST = 1 / 20;
/** How long the limit stays at its height in ms. After that, more calls are the new normal. */
const HOLD_MS = 240_000;
/** Share of the limit that is asked for when nobody waits any more. */
const CALM = 0.94;
/** What is asked for is counted for so long at least, in ms: `Retry-After` has whole seconds. */
const COUNT_MS = 1_000;

export const NO_PACE: Pace = { second: null, count: 0, sum: 0, weight: 0 };

/**
 * Counts a call that has ended. Only seconds with calls in them count: a service that hangs gives no
 * answers for a while, and that must not look like fewer calls.
 */
export function keepPace(pace: Pace, now: number): Pace {
  const second = Math.floor(now / 1_000);
  if (pace.second === second) return { ...pace, count: pace.count + 1 };
  if (pace.second === null) return { ...pace, second, count: 1 };
  return {
    second,
    count: 1,
    sum: pace.sum * KEPT + pace.count,
    weight: pace.weight * KEPT + 1,
  };
}

/** Calls a second while all was well. The second that is not over counts when there is no other. */
export function healthyRate({ count, sum, weight }: Pace): number {
  return weight > 0 ? sum / weight : count;
}

export function beginSlowStart(now: number): SlowStart {
  return { startedAt: now, tokens: 1, filledAt: now, asked: 0, askedSince: now };
}

/** Calls a second that are let through at `now`. */
export function ceilingAt(
  { startedAt }: SlowStart,
  pace: Pace,
  options: BreakerOptions,
  now: number,
): number {
  const { slow_start_ms: rampMs, permitted_calls_in_half_open: first } = options;
  const top = Math.max(first, HEADROOM * healthyRate(pace));
  const elapsed = Math.max(0, now - startedAt);
  if (elapsed < rampMs) return first + ((top - first) * elapsed) / rampMs;
  const beyond = Math.max(0, elapsed - rampMs - HOLD_MS);
  return top * (1 + beyond / Math.max(rampMs, 1));
}

/**
 * Null when it is over: when for as long as the slow start lasts less was asked for than may go
 * through. Whoever was refused was told to come back within that time, and so has been counted.
 */
export function goOn(
  slowStart: SlowStart,
  pace: Pace,
  options: BreakerOptions,
  now: number,
): SlowStart | null {
  const countedMs = now - slowStart.askedSince;
  if (countedMs < Math.max(COUNT_MS, options.slow_start_ms)) return slowStart;
  const most = (CALM * ceilingAt(slowStart, pace, options, now) * countedMs) / 1_000;
  return slowStart.asked > most ? { ...slowStart, asked: 0, askedSince: now } : null;
}

/** Lets one call through, if it may be. */
export function takeToken(
  slowStart: SlowStart,
  pace: Pace,
  options: BreakerOptions,
  now: number,
): { readonly slowStart: SlowStart; readonly isTaken: boolean } {
  const ceiling = ceilingAt(slowStart, pace, options, now);
  const grown = (ceiling * Math.max(0, now - slowStart.filledAt)) / 1_000;
  const atOnce = Math.max(options.permitted_calls_in_half_open, ceiling * BURST);
  const tokens = Math.min(atOnce, slowStart.tokens + grown);
  const left = tokens >= 1 ? tokens - 1 : tokens;
  const filledAt = Math.max(now, slowStart.filledAt);
  return {
    slowStart: { ...slowStart, tokens: left, filledAt, asked: slowStart.asked + 1 },
    isTaken: tokens >= 1,
  };
}
