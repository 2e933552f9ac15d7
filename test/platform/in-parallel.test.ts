import { expect, it } from "vitest";
import { inParallel } from "../../src/platform/in-parallel.ts";

/** Work that ends when it is told to, and remembers what is under way. */
function workshop() {
  const underway = new Map<number, () => void>();
  const begun: number[] = [];
  return {
    begun,
    underway: () => [...underway.keys()],
    work: (item: number) =>
      new Promise<void>((resolve) => {
        begun.push(item);
        underway.set(item, resolve);
      }),
    end: async (item: number) => {
      underway.get(item)?.();
      underway.delete(item);
      // The next item is begun a few microtasks later.
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    },
  };
}

it("has so many under way, in order, and begins one whenever one ends", async () => {
  const { begun, underway, work, end } = workshop();
  const all = inParallel([1, 2, 3, 4, 5], 2, work);
  expect(underway()).toEqual([1, 2]);
  await end(2);
  expect(underway()).toEqual([1, 3]);
  await end(1);
  expect(underway()).toEqual([3, 4]);
  for (const item of [4, 3, 5]) await end(item);
  await all;
  expect(begun).toEqual([1, 2, 3, 4, 5]);
});

it("takes fewer than may be under way, and none at all", async () => {
  const { begun, work, end } = workshop();
  await inParallel([], 3, work);
  const one = inParallel([7], 3, work);
  await end(7);
  await one;
  expect(begun).toEqual([7]);
});

it("rejects with the first failure, and the rest is worked off by the others", async () => {
  const ended: number[] = [];
  const work = async (item: number) => {
    if (item === 2) throw new Error(`no ${item}`);
    ended.push(item);
  };
  await expect(inParallel([1, 2, 3, 4], 2, work)).rejects.toThrow("no 2");
  expect(ended).toEqual([1, 3, 4]);
});
