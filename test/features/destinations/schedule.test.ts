import { describe, expect, it } from "vitest";
import { MOST_TRIES, pauseAfter, peaceFor } from "../../../src/features/destinations/schedule.ts";
import { DAY, HOUR, SECOND } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
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

describe("the peace that is asked for", () => {
  it("is kept a little longer, and for a day at most", () => {
    const hour = [0, 0.5, 1].map((random) => peaceFor(HOUR, random));
    expect(hour).toEqual([HOUR, HOUR + 180 * SECOND, HOUR + 360 * SECOND]);
    const long = [DAY, 2 * DAY, Number.MAX_VALUE].map((asked) => peaceFor(asked, 0));
    expect(long).toEqual([DAY, DAY, DAY]);
    expect(peaceFor(0, 1)).toBe(0);
  });
});
