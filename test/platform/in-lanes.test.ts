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

/** Runs them until the test says of one that it ends. */
function held(items: readonly string[], total: number, perLane: number) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const laneOf = (item: string) => item.split("-")[0] ?? "";
  const lanes = { total, perLane, laneOf, mayBegin: () => true };
  const done = inLanes(items, lanes, (item) => {
    begun.push(item);
    return new Promise((resolve) => ends.set(item, resolve));
  });
  const end = async (item: string) => {
    ends.get(item)?.();
    for (let turn = 0; turn < 6; turn++) await null;
  };
  /** Ends all, those that begin meanwhile too. */
  const finish = async () => {
    for (let at = 0; at < begun.length; at++) await end(begun[at] as string);
    return done;
  };
  return { begun, end, finish };
}

it("has of each lane its share run, however many of another come first", async () => {
  const slow = ["a", "b", "c"].flatMap((lane) => [1, 2, 3, 4].map((nth) => `${lane}-${nth}`));
  const fast = [1, 2, 3, 4, 5, 6].map((nth) => `fast-${nth}`);
  const { begun, end, finish } = held([...slow, ...fast], 6, 3);
  expect(begun).toEqual(["a-1", "b-1", "c-1", "fast-1"]);
  // While not one of the slow ones ends.
  for (const item of fast) await end(item);
  expect(begun.filter((item) => item.startsWith("fast"))).toEqual(fast);
  // What the fast lane has left is shared by the others.
  expect(begun.slice(9)).toEqual(["a-2", "b-2", "c-2"]);
  expect(await finish()).toEqual([]);
  expect(begun).toHaveLength(18);
});

it("takes of the lane next of which the fewest run, then of which the fewest have begun", async () => {
  const items = ["a-1", "a-2", "a-3", "b-1", "b-2", "c-1", "c-2"];
  const { begun, end, finish } = held(items, 2, 2);
  expect(begun).toEqual(["a-1", "b-1"]);
  await end("b-1");
  expect(begun.at(-1)).toBe("c-1");
  await end("c-1");
  expect(begun.at(-1)).toBe("b-2");
  expect(await finish()).toEqual([]);
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
