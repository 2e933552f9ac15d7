import { asc, sql } from "drizzle-orm";
import type { PlatformCtx } from "../context.ts";
import { Failure } from "../problems.ts";
import type { Region } from "../regions.ts";
import { cells } from "./cells.tables.ts";
import { requireCell } from "./here.ts";
import { poolBindings } from "./pool.ts";
import { internalsOf } from "./tenancy.ts";

/** A cell, and how full it is. */
export interface Cell {
  readonly name: string;
  /** Where it keeps its data; null: anywhere. */
  readonly region: Region | null;
  /** Whether new tenants may come. */
  readonly open: boolean;
  /** Databases in its pool when it was last looked at. */
  readonly bound: number;
  /** Of those, how many may be claimed: the first so many, by name. */
  readonly claimable: number;
  /** Databases that tenants have, and that they have left. */
  readonly claimed: number;
  readonly retired: number;
  /** Null, and version 0, for a cell that no deploy has made known. */
  readonly updatedAt: Date | null;
  readonly version: number;
}

/** A cell of which less than this share is free is nearly full. */
const LOW_SHARE = 0.1;

/** Databases that new tenants may still be given. */
export function freeIn({ claimable, claimed, retired }: Cell): number {
  return Math.max(0, claimable - claimed - retired);
}

/** Names of the databases that are bound to this cell, in the order in which they are claimed. */
export function boundHere(ctx: PlatformCtx): readonly string[] {
  return poolBindings(internalsOf(ctx.tenancy).env).sort();
}

/**
 * The cells that deploys have made known, by name, and this one. Where none is known, this one is open, and
 * all that is bound to it may be claimed; where others are, nothing is claimed here before it is known too.
 */
export function readCells(ctx: PlatformCtx): Promise<Cell[]> {
  const { CELL, REGION } = ctx.settings;
  const pool = boundHere(ctx);
  const [bound, first, last] = [pool.length, pool[0] ?? "", pool.at(-1) ?? ""];
  const known = sql`(
    SELECT name, region, open, bound, claimable, updated_at, version FROM ${cells}
    UNION ALL SELECT ${CELL}, ${REGION ?? null}, alone, ${bound}, alone * ${bound}, NULL, 0
      FROM (SELECT NOT EXISTS (SELECT 1 FROM ${cells}) AS alone)
      WHERE NOT EXISTS (SELECT 1 FROM ${cells} WHERE name = ${CELL})
  ) AS known`;
  // Only a pool that no deploy keeps may have shrunk.
  const databases = (states: string) => sql<number>`(
    SELECT count(*) FROM tenant_databases AS held
    WHERE held.cell = known.name AND held.state IN (SELECT value FROM json_each(${states}))
      AND (known.version > 0 OR held.binding BETWEEN ${first} AND ${last})
  )`;
  return ctx.db.read(
    (reader) =>
      reader
        .select({
          name: sql<string>`known.name`,
          region: sql<Region | null>`known.region`,
          open: sql`known.open`.mapWith(cells.open),
          bound: sql<number>`known.bound`,
          claimable: sql<number>`known.claimable`,
          claimed: databases('["serving","filling"]'),
          retired: databases('["retired"]'),
          updatedAt: sql<Date | null>`known.updated_at`.mapWith(cells.updatedAt),
          version: sql<number>`known.version`,
        })
        .from(known)
        .orderBy(asc(sql`known.name`)),
    "primary",
  );
}

/**
 * Decides where a new database is to be claimed: in an open cell with room, of the asked region. Who asks
 * for none comes where no region is kept, if there is room. Of several the one with the most room; but what
 * comes to this cell stays unless another has twice as much, so that in a rush no request is handed to and
 * fro. The claim itself is the judge.
 * @throws Failure `misdirected` when another cell has to claim it; `pool-exhausted`; `validation-failed`
 * for a region that no cell has
 */
export async function chooseCell(ctx: PlatformCtx, region: Region | null): Promise<void> {
  const fitting = (await readCells(ctx)).filter((cell) => !region || cell.region === region);
  if (region && fitting.length === 0) {
    const message = `no cell keeps its data in ${region}`;
    throw new Failure("validation-failed", "Some values are not valid.", {
      errors: [{ pointer: "/region", message }],
    });
  }
  const roomy = fitting.filter((cell) => cell.open && freeIn(cell) > 0);
  const unbound = region ? [] : roomy.filter((cell) => cell.region === null);
  const chosen = pick(unbound.length > 0 ? unbound : roomy, ctx.settings.CELL);
  if (!chosen) throw exhausted(region);
  requireCell(ctx, chosen.name);
  const free = freeIn(chosen) - 1;
  if (free < chosen.claimable * LOW_SHARE) {
    ctx.log.warn("pool is low", { cell: chosen.name, free, claimable: chosen.claimable });
  }
}

/** This cell, if it is one of them and none has twice its room; else the one with the most. */
function pick(roomy: readonly Cell[], here: string): Cell | undefined {
  const [most] = roomy.toSorted((one, other) => freeIn(other) - freeIn(one));
  const own = roomy.find(({ name }) => name === here);
  return own && most && freeIn(most) < 2 * freeIn(own) ? own : most;
}

function exhausted(region: Region | null): Failure {
  if (!region) return new Failure("pool-exhausted");
  return new Failure(
    "pool-exhausted",
    `No free tenant database in the region ${region} right now.`,
  );
}
