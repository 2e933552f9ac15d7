import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pauseMs } from "../../../src/platform/jobs/backoff.ts";
import { holds } from "../../support/property.ts";

const backoffs = fc
  .tuple(fc.integer({ min: 1, max: 60_000 }), fc.integer({ min: 0, max: 86_400_000 }))
  .map(([baseMs, more]) => ({ baseMs, capMs: baseMs + more }));
const attempts = fc.integer({ min: 1, max: 1_000 });
const parts = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const RUNS = 1_000;

describe("the pause between two attempts", () => {
  it("is a whole number of ms, at least none and at most the cap", () =>
    holds(
      "pause: bounds",
      [attempts, backoffs, parts],
      (attempt, backoff, random) => {
        const pause = pauseMs(attempt, backoff, random);
        expect(Number.isSafeInteger(pause)).toBe(true);
        expect(pause).toBeGreaterThanOrEqual(0);
        expect(pause).toBeLessThanOrEqual(backoff.capMs);
      },
      RUNS,
    ));

  it("doubles at its longest from attempt to attempt, until the cap", () =>
    holds(
      "pause: growth",
      [attempts, backoffs],
      (attempt, backoff) => {
        const longest = (nth: number) => pauseMs(nth, backoff, 1);
        expect(longest(1)).toBe(backoff.baseMs);
        const expected = Math.min(backoff.capMs, 2 * longest(attempt));
        // 2 ** 30 times a base of a millisecond is beyond every cap that is in use.
        if (attempt <= 30) expect(longest(attempt + 1)).toBe(expected);
        expect(longest(attempt + 1)).toBeGreaterThanOrEqual(longest(attempt));
      },
      RUNS,
    ));

  it("is the random part of its longest, from nothing on", () =>
    holds(
      "pause: jitter",
      [attempts, backoffs, parts, parts],
      (attempt, backoff, one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        expect(pauseMs(attempt, backoff, 0)).toBe(0);
        expect(pauseMs(attempt, backoff, less)).toBeLessThanOrEqual(
          pauseMs(attempt, backoff, more),
        );
        const part = pauseMs(attempt, backoff, more) / pauseMs(attempt, backoff, 1);
        expect(Math.abs(part - more)).toBeLessThanOrEqual(1 / pauseMs(attempt, backoff, 1));
      },
      RUNS,
    ));
});
