import type { BreakerOptions } from "./options.ts";

/** How a call ended. What is `ignored` says nothing of the service: the caller's own mistake, say. */
export type Outcome = "success" | "failure" | "ignored";

/** What a number of calls came to. */
export interface Tally {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
}

/** Calls as one digit each, oldest first: 1 when it failed, plus 2 when it was slow. */
export type Digits = string;

/** The calls that a breaker judges by, as plain data. */
export type Window =
  | { readonly type: "count"; readonly size: number; readonly calls: Digits }
  | { readonly type: "time"; readonly size: number; readonly buckets: readonly Bucket[] };

/** The calls of one stretch of time, by its number since 1970. */
interface Bucket extends Tally {
  readonly nth: number;
}

/** A window by time goes forward in so many steps, or by seconds when there are fewer. */
const STEPS = 60;

export function emptyWindow({
  sliding_window_type: type,
  sliding_window_size: size,
}: BreakerOptions) {
  return (
    type === "count" ? { type, size, calls: "" } : { type, size, buckets: [] }
  ) satisfies Window;
}

export function digitOf(isFailure: boolean, isSlow: boolean): Digits {
  return String(Number(isFailure) + 2 * Number(isSlow));
}

/** Adds a call. Options that ask for another window begin an empty one. */
export function record(window: Window, options: BreakerOptions, call: Digits, now: number): Window {
  const fitting = fits(window, options) ? window : emptyWindow(options);
  if (fitting.type === "count") {
    return { ...fitting, calls: (fitting.calls + call).slice(-fitting.size) };
  }
  const { calls, failures, slow } = tallyOf(call);
  const buckets = living(fitting, now);
  const last = buckets.at(-1);
  // A clock may go back a little when the object moves.
  const nth = Math.max(bucketAt(fitting, now), last?.nth ?? 0);
  const there = last?.nth === nth ? last : { nth, calls: 0, failures: 0, slow: 0 };
  const added = {
    nth,
    calls: there.calls + calls,
    failures: there.failures + failures,
    slow: there.slow + slow,
  };
  return { ...fitting, buckets: [...buckets.filter((bucket) => bucket !== there), added] };
}

/** The calls that count at `now`. */
export function tally(window: Window, options: BreakerOptions, now: number): Tally {
  if (!fits(window, options)) return { calls: 0, failures: 0, slow: 0 };
  if (window.type === "count") return tallyOf(window.calls);
  return living(window, now).reduce(
    (sum, { calls, failures, slow }) => ({
      calls: sum.calls + calls,
      failures: sum.failures + failures,
      slow: sum.slow + slow,
    }),
    { calls: 0, failures: 0, slow: 0 },
  );
}

export function tallyOf(digits: Digits): Tally {
  let failures = 0;
  let slow = 0;
  for (const digit of digits) {
    if (digit === "1" || digit === "3") failures += 1;
    if (digit === "2" || digit === "3") slow += 1;
  }
  return { calls: digits.length, failures, slow };
}

/** Whether one of the rates, in per cent, has reached its threshold. */
export function isSick({ calls, failures, slow }: Tally, options: BreakerOptions): boolean {
  return (
    failures * 100 >= options.failure_rate_threshold * calls ||
    slow * 100 >= options.slow_call_rate_threshold * calls
  );
}

/** Calls from which the rates of a window are judged. A full window is enough, as in resilience4j. */
export function callsToJudge(options: BreakerOptions): number {
  const { sliding_window_type: type, sliding_window_size: size, minimum_calls: minimum } = options;
  return type === "count" ? Math.min(minimum, size) : minimum;
}

function fits(window: Window, options: BreakerOptions): boolean {
  return window.type === options.sliding_window_type && window.size === options.sliding_window_size;
}

type TimeWindow = Extract<Window, { type: "time" }>;

function bucketAt({ size }: TimeWindow, now: number): number {
  return Math.floor(now / ((size * 1_000) / Math.min(size, STEPS)));
}

function living(window: TimeWindow, now: number): readonly Bucket[] {
  const oldest = bucketAt(window, now) - Math.min(window.size, STEPS);
  return window.buckets.filter(({ nth }) => nth > oldest);
}
