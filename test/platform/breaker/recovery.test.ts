import { expect, it } from "vitest";
import { type Crowd, peakPerSecond, watchCrowd } from "../../support/breaker-crowd.ts";
import { MINUTE, SECOND } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import { seededRandom } from "../../support/random.ts";

/** What the promise is: so many times the healthy rate, and no more, in any second. */
const MOST = 1.2;

const thousand = { callers: 1_000, sickFrom: 2 * MINUTE, slowStartMs: 10 * SECOND } as const;

/** Whoever was refused waits; those who were let through call again after a while. */
const CROWDS: readonly [string, Crowd][] = [
  ...[40, 100, 500].map((rate): [string, Crowd] => [
    `1,000 callers who make ${rate} calls a second`,
    { ...thousand, rate, sickFor: 150 * SECOND, openMs: 2 * MINUTE, endsAt: 15 * MINUTE },
  ]),
  [
    "callers who keep coming, 100 a second, and none of whom gives up",
    {
      rate: 100,
      callers: null,
      sickFrom: MINUTE,
      sickFor: 8 * SECOND,
      openMs: 12 * SECOND,
      slowStartMs: 10 * SECOND,
      endsAt: 6 * MINUTE,
    },
  ],
];

it.for(CROWDS)("recovers without a rush: %s", ([name, crowd], { task }) => {
  const { admitted, waiting, closedAt, drainedAt } = watchCrowd(crowd, seededRandom(name));
  const before = admitted.filter((at) => at < crowd.sickFrom);
  const healthy = before.length / (crowd.sickFrom / SECOND);
  const peak = peakPerSecond(admitted, closedAt);
  const drained = ((drainedAt - closedAt) / SECOND).toFixed(0);
  showFigures(
    task,
    `${waiting} waiting at recovery, healthy ${healthy.toFixed(1)}/s, peak ${peak}/s: ` +
      `${(peak / healthy).toFixed(3)} times; all through after ${drained} s`,
  );
  expect(waiting).toBeGreaterThanOrEqual(900);
  expect(peak).toBeLessThanOrEqual(MOST * healthy);
  expect(drainedAt).toBeLessThan(crowd.endsAt);
});

it("would see the rush, were there no slow start", ({ task }) => {
  const crowd: Crowd = {
    ...thousand,
    rate: 100,
    sickFor: 150 * SECOND,
    openMs: 2 * MINUTE,
    slowStartMs: 0,
    endsAt: 10 * MINUTE,
  };
  const { admitted, closedAt } = watchCrowd(crowd, seededRandom("rush"));
  const peak = peakPerSecond(admitted, closedAt);
  showFigures(task, `without slow start: peak ${peak}/s of 100/s`);
  expect(peak).toBeGreaterThan(MOST * 100);
});
