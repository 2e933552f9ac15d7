import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  MOST_TRIES,
  pauseAfter,
  waitAskedFor,
} from "../../../src/features/destinations/schedule.ts";
import { DAY, HOUR, SECOND } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import { holds } from "../../support/property.ts";
import { seededRandom } from "../../support/random.ts";

const RUNS = 10_000;

/** All pauses of a delivery that never arrives, in ms. */
function pausesWith(next: () => number): number[] {
  const pauses: number[] = [];
  for (let tries = 1; ; tries++) {
    const pause = pauseAfter(tries, next());
    if (pause === null) return pauses;
    pauses.push(pause);
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);

describe("the schedule", () => {
  it("has 8 attempts within 27 to 29 hours in the mean", ({ task }) => {
    const random = seededRandom("schedule");
    const hours = Array.from({ length: RUNS }, () => sum(pausesWith(random.next)) / HOUR);
    const mean = sum(hours) / RUNS;
    expect(mean).toBeGreaterThan(27);
    expect(mean).toBeLessThan(29);
    expect(pausesWith(random.next)).toHaveLength(MOST_TRIES - 1);
    expect(MOST_TRIES).toBe(8);
    const [least, most] = [Math.min(...hours), Math.max(...hours)];
    showFigures(
      task,
      `mean ${mean.toFixed(2)} hours of ${RUNS}, ${least.toFixed(1)} to ${most.toFixed(1)}`,
    );
  });

  it("moves each pause by up to a fifth, both ways", () => {
    const usual = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000].map((each) => each * SECOND);
    expect(pausesWith(() => 0.5)).toEqual(usual);
    expect(pausesWith(() => 0)).toEqual(usual.map((each) => each * 0.8));
    expect(pausesWith(() => 1)).toEqual(usual.map((each) => each * 1.2));
  });
});

describe("Retry-After", () => {
  const now = Date.parse("2026-11-22T08:00:00Z");

  it.each([
    [null, 0],
    ["", 0],
    ["0", 0],
    [" 7 ", 7 * SECOND],
    ["-7", 0],
    ["1.5", 0],
    ["1e3", 0],
    ["soon", 0],
    ["86401", DAY],
    ["999999999999999999999", DAY],
    ["Sun, 22 Nov 2026 09:00:00 GMT", HOUR],
    ["Sun, 22 Nov 2026 07:00:00 GMT", 0],
    ["Sun, 22 Nov 2099 07:00:00 GMT", DAY],
  ])("%j is %i ms", (header, ms) => {
    expect(waitAskedFor(header, now)).toBe(ms);
  });

  it("is a time from 0 to a day, whatever it says", async () => {
    await holds("Retry-After", [fc.string()], (header) => {
      const ms = waitAskedFor(header, now);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(DAY);
    });
  });
});
