import { describe, expect, it } from "vitest";
import type { Environment } from "../../scripts/lib/deploy/fleet.ts";
import {
  describeFull,
  describePool,
  growthOf,
  type PoolStatus,
  readPool,
} from "../../scripts/lib/deploy/pool-status.ts";
import type { Site } from "../../scripts/lib/deploy/site.ts";

const cell = (more: Partial<PoolStatus> = {}): PoolStatus => ({
  ...{ name: "main", deployed: true, region: null, open: true, low: false },
  ...{ bound: 20, claimable: 20, claimed: 12, retired: 1, free: 7, low_water: 5, grow_by: 10 },
  ...more,
});

describe("the size that a pool grows to", () => {
  it("is named, or more by `grow_by` for those that run low", () => {
    expect(growthOf({ cell: "eu-1", size: 500 })).toEqual(new Map([["eu-1", 500]]));
    const cells = [cell(), cell({ name: "eu-1", low: true }), cell({ name: "us-1", low: true })];
    expect(growthOf(cells)).toEqual(
      new Map([
        ["eu-1", 30],
        ["us-1", 30],
      ]),
    );
  });

  it("is what is bound already, when a growth was interrupted before it was opened", () => {
    expect(growthOf([cell({ low: true, bound: 30 })])).toEqual(new Map([["main", 30]]));
  });

  it("is no more than a Worker can hold", () => {
    expect(growthOf([cell({ low: true, bound: 4_995, claimable: 4_995 })]).get("main")).toBe(5_000);
    expect(growthOf([cell({ low: true, bound: 5_000, claimable: 5_000 })]).size).toBe(0);
    for (const size of [0, 1.5, 5_001, Number.NaN]) {
      expect(() => growthOf({ cell: "main", size })).toThrow("A pool has 1 to 5000 databases.");
    }
  });
});

describe("the state of the pools", () => {
  it("is a line a cell, which says when it runs low or is closed", () => {
    const full = cell({ low: true, free: 0, claimable: 5_000 });
    expect(describePool([full])[0]).toMatch(/: LOW, fewer than 5, and full$/);
    expect(describePool([cell(), cell({ low: true, free: 3 }), cell({ open: false })])).toEqual([
      "main: 7 free of 20 claimable (12 claimed, 1 retired, 20 bound)",
      "main: 3 free of 20 claimable (12 claimed, 1 retired, 20 bound): LOW, fewer than 5",
      "main: 7 free of 20 claimable (12 claimed, 1 retired, 20 bound), closed",
    ]);
  });

  it("has a sentence for each cell that runs low and cannot grow", () => {
    const most = { bound: 5_000, claimable: 5_000 };
    const cells = [
      cell({ ...most, low: true }),
      cell({ ...most, name: "large" }),
      cell({ low: true, name: "small" }),
    ];
    expect(describeFull(cells)).toEqual(["main is full: add a cell."]);
  });

  it("has the cells that no deploy has made known yet", async () => {
    const told = { ...cell(), free: 3 };
    const operators = {
      async *list() {
        yield told;
      },
    };
    const cells = ["main", "eu-1"].map((name) => ({ name, low_water: 5, grow_by: 10 }));
    const pool = await readPool({ cells } as Environment, { operators } as unknown as Site);
    expect(describePool(pool)).toEqual([
      "main: 3 free of 20 claimable (12 claimed, 1 retired, 20 bound): LOW, fewer than 5",
      "eu-1: not deployed yet",
    ]);
    expect(pool.map(({ deployed, low }) => [deployed, low])).toEqual([
      [true, true],
      [false, false],
    ]);
    expect([...growthOf(pool).keys()]).toEqual(["main"]);
  });
});
