import { MAX_POOL_SIZE } from "../pool.ts";
import type { Environment } from "./fleet.ts";
import type { Site } from "./site.ts";

/** A cell's databases as its own API tells them, and whether more are wanted. */
export interface PoolStatus {
  readonly name: string;
  /** Whether a deploy has made it known. The figures of one that is not are 0. */
  readonly deployed: boolean;
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

type Told = Omit<PoolStatus, "deployed" | "low_water" | "grow_by" | "low">;

const NOTHING = {
  ...{ region: null, open: false },
  ...{ bound: 0, claimable: 0, claimed: 0, retired: 0, free: 0 },
};

/** Asks about every cell of the environment. */
export async function readPool(environment: Environment, site: Site): Promise<PoolStatus[]> {
  const told: Told[] = [];
  for await (const cell of site.operators.list<Told>("/cells")) told.push(cell);
  return environment.cells.map(({ name, low_water, grow_by }) => {
    const cell = told.find((other) => other.name === name);
    const { region, open, bound, claimable, claimed, retired, free } = cell ?? NOTHING;
    const figures = { region, open, bound, claimable, claimed, retired, free };
    const low = open && free < low_water;
    return { name, deployed: cell !== undefined, ...figures, low_water, grow_by, low };
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

/** What is to be done about cells that run low and cannot grow; a sentence for each. */
export function describeFull(cells: readonly PoolStatus[]): string[] {
  return cells.filter(isFull).map(({ name }) => `${name} is full: add a cell.`);
}

function isFull({ low, claimable }: PoolStatus): boolean {
  return low && claimable >= MAX_POOL_SIZE;
}

/** A line for each cell. */
export function describePool(cells: readonly PoolStatus[]): string[] {
  return cells.map((cell) =>
    cell.deployed ? describeCell(cell) : `${cell.name}: not deployed yet`,
  );
}

function describeCell(cell: PoolStatus): string {
  const { name, free, claimable, claimed, retired, bound, low_water, low, open } = cell;
  const figures = `${free} free of ${claimable} claimable (${claimed} claimed, ${retired} retired, ${bound} bound)`;
  const warning = low ? `: LOW, fewer than ${low_water}${isFull(cell) ? ", and full" : ""}` : "";
  return `${name}: ${figures}${open ? "" : ", closed"}${warning}`;
}
