import fc from "fast-check";
import { expect, it } from "vitest";
import { inLanes } from "../../src/platform/in-lanes.ts";
import { holds } from "../support/property.ts";
import { seededRandom } from "../support/random.ts";

interface Item {
  readonly lane: string;
  readonly nth: number;
}

it("begins with each once, in the order of its lane, and never with too many", async () => {
  const random = seededRandom("lanes");
  const lanes = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 40 });
  const limit = fc.integer({ min: 1, max: 7 });
  await holds("lanes", [lanes, limit, limit], async (names, total, perLane) => {
    const items = names.map((lane, nth): Item => ({ lane, nth }));
    const running: Item[] = [];
    const begun: Item[] = [];
    const left = await inLanes(
      items,
      { total, perLane, laneOf: ({ lane }) => lane, mayBegin: () => true },
      async (item) => {
        begun.push(item);
        running.push(item);
        expect(running.length).toBeLessThanOrEqual(total);
        const beside = running.filter(({ lane }) => lane === item.lane);
        expect(beside.length).toBeLessThanOrEqual(perLane);
        // Ends after a random number of turns.
        for (let turn = 0; turn < random.next() * 5; turn++) await null;
        running.splice(running.indexOf(item), 1);
      },
    );
    expect(left).toEqual([]);
    for (const name of ["a", "b", "c"]) {
      const of = (list: readonly Item[]) => list.filter(({ lane }) => lane === name);
      expect(of(begun)).toEqual(of(items));
    }
  });
});

it("goes past a lane that is full", async () => {
  const ends: (() => void)[] = [];
  const begun: string[] = [];
  const done = inLanes(
    ["slow-1", "slow-2", "slow-3", "fast-1", "fast-2"],
    {
      total: 3,
      perLane: 2,
      laneOf: (item) => item.split("-")[0] ?? "",
      mayBegin: () => true,
    },
    (item) => {
      begun.push(item);
      return new Promise((resolve) => ends.push(resolve));
    },
  );
  expect(begun).toEqual(["slow-1", "slow-2", "fast-1"]);
  while (ends.length > 0) {
    ends.pop()?.();
    await null;
    await null;
    await null;
    await null;
  }
  expect(await done).toEqual([]);
  expect(begun).toEqual(["slow-1", "slow-2", "fast-1", "fast-2", "slow-3"]);
});

it("gives back what it was not allowed to begin with, when the rest has ended", async () => {
  let allowed = 2;
  let ended = 0;
  const left = await inLanes(
    [1, 2, 3, 4],
    { total: 4, perLane: 4, laneOf: () => "one", mayBegin: () => allowed-- > 0 },
    async () => {
      await null;
      ended += 1;
    },
  );
  expect(left).toEqual([3, 4]);
  expect(ended).toBe(2);
});
