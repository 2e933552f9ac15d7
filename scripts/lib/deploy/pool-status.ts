import { MAX_POOL_SIZE } from "../pool.ts";
import type { Environment } from "./fleet.ts";
import type { Site } from "./site.ts";

/** A cell's databases as its own API tells them, and whether more are wanted. */
export interface PoolStatus {
  readonly name: string;
  readonly region: string | null;
  readonly open: boolean;
  readonly bound: number;
  readonly claimable: number;
  readonly claimed: number;
  readonly retired: number;
  readonly free: number;
  readonly low_water: number;
  readonly grow_by: number;
  /** Fewer are free than there should be, and new tenants may come. */
  readonly low: boolean;
}

type Told = Omit<PoolStatus, "low_water" | "grow_by" | "low">;

/** Asks about every cell of the environment. */
export async function readPool(environment: Environment, site: Site): Promise<PoolStatus[]> {
  const told: Told[] = [];
  for await (const cell of site.operators.list<Told>("/cells")) told.push(cell);
  return environment.cells.flatMap(({ name, low_water, grow_by }) => {
    const cell = told.find((other) => other.name === name);
    if (!cell) return [];
    const { region, open, bound, claimable, claimed, retired, free } = cell;
    const figures = { region, open, bound, claimable, claimed, retired, free };
    return [{ name, ...figures, low_water, grow_by, low: open && free < low_water }];
  });
}

/**
 * The size that cells shall grow to: the one that was named, or each that runs low by its `grow_by`. What is
 * bound but not yet open counts as there, so that a growth that was interrupted is finished first.
 */
export function growthOf(
  wanted: readonly PoolStatus[] | { cell: string | undefined; size: number },
): Map<string, number> {
  if ("size" in wanted) {
    const { cell = "", size } = wanted;
    if (!Number.isInteger(size) || size < 1 || size > MAX_POOL_SIZE) {
      throw new Error(`A pool has 1 to ${MAX_POOL_SIZE} databases.`);
    }
    return new Map([[cell, size]]);
  }
  return new Map(
    wanted.flatMap(({ name, low, bound, claimable, grow_by: more }) => {
      const size = bound > claimable ? bound : Math.min(bound + more, MAX_POOL_SIZE);
      // A full cell stays low. What helps is another cell.
      return low && size > claimable ? [[name, size]] : [];
    }),
  );
}

/** A line for each cell. */
export function describePool(cells: readonly PoolStatus[]): string[] {
  return cells.map(
    ({ name, free, claimable, claimed, retired, bound, low_water, low, open }) =>
      `${name}: ${free} free of ${claimable} claimable (${claimed} claimed, ${retired} retired, ${bound} bound)${open ? "" : ", closed"}${low ? `: LOW, fewer than ${low_water}` : ""}`,
  );
}
