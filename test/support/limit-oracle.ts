/**
 * What is right, said without a word about how the limiter works: it knows only when requests were
 * admitted, by true time, and the policy.
 */
import type { Policy } from "../../src/platform/limits/ledger.ts";

/** The most admissions in any window of so many ms, both ends counted. */
export function mostInAnyWindow(times: readonly number[], windowMs: number): number {
  const sorted = [...times].sort((one, other) => one - other);
  let first = 0;
  let most = 0;
  sorted.forEach((time, last) => {
    while (time - (sorted[first] ?? time) > windowMs) first++;
    most = Math.max(most, last - first + 1);
  });
  return most;
}

/** Of these arrivals, in their order, as many as any limiter can admit: the earliest that fit. */
export function mostAdmissible(arrivals: readonly number[], policy: Policy): number {
  const admitted: number[] = [];
  for (const time of arrivals) {
    const before = admitted[admitted.length - policy.limit];
    if (before === undefined || time - before > policy.windowMs) admitted.push(time);
  }
  return admitted.length;
}
