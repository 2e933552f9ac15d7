import { and, asc, eq, inArray, max, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import type { ProblemCode } from "../../platform/problems.ts";
import {
  type Cell,
  type ControlDb,
  cells,
  type DatabaseState,
  type Step,
  tenantDatabases,
  write,
} from "../../platform/tenancy/index.ts";

export type DatabaseRow = typeof tenantDatabases.$inferSelect;

export function insertCell({ claimed: _, retired: __, updatedAt, ...cell }: Cell): Step {
  const now = updatedAt ?? new Date();
  return {
    statement: write.insert(cells).values({ ...cell, createdAt: now, updatedAt: now }),
    expect: 1,
    as: "cells.insert",
    taken: { "cells.name": "conflict" },
  };
}

/** What is put down of a cell; the rest is counted. */
export type Changes = Pick<Cell, "bound" | "version"> &
  Partial<Pick<Cell, "region" | "open" | "claimable">> & { readonly updatedAt: Date };

export function updateCell(
  { name, version }: Cell,
  changes: Changes,
  otherwise: ProblemCode,
): Step {
  return {
    statement: write
      .update(cells)
      .set(changes)
      .where(and(eq(cells.name, name), eq(cells.version, version))),
    expect: 1,
    as: "cells.update",
    otherwise,
  };
}

/** At this place of the commit, nothing behind this database, by name, was ever claimed. */
export function requireLastClaimed(cell: string, last: string): Step {
  return {
    require: sql`NOT EXISTS (SELECT 1 FROM ${tenantDatabases}
      WHERE ${tenantDatabases.cell} = ${cell} AND ${tenantDatabases.binding} > ${last})`,
    as: "tenant_databases.last",
    otherwise: "conflict",
  };
}

/** Name of the last database of a cell, by name, that was ever claimed; empty for none. */
export async function lastClaimed(db: ControlDb, cell: string): Promise<string> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({ last: max(tenantDatabases.binding) })
        .from(tenantDatabases)
        .where(eq(tenantDatabases.cell, cell)),
    "primary",
  );
  return row?.last ?? "";
}

/** Those of these databases of a cell that were ever claimed. */
export async function claimedAmong(
  db: ControlDb,
  cell: string,
  bindings: readonly string[],
): Promise<Set<string>> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ binding: tenantDatabases.binding })
        .from(tenantDatabases)
        .where(
          and(
            eq(tenantDatabases.cell, cell),
            inArray(
              tenantDatabases.binding,
              sql`(SELECT value FROM json_each(${JSON.stringify(bindings)}))`,
            ),
          ),
        ),
    "primary",
  );
  return new Set(rows.map(({ binding }) => binding));
}

/** Databases that were ever claimed, by cell and name. */
export function listDatabases(
  db: ControlDb,
  filters: { readonly state?: DatabaseState | undefined; readonly cell?: string | undefined },
  after: Keyset | null,
  count: number,
): Promise<DatabaseRow[]> {
  const { cell, binding, state } = tenantDatabases;
  return db.read((reader) =>
    reader
      .select()
      .from(tenantDatabases)
      .where(
        and(
          filters.state ? eq(state, filters.state) : undefined,
          filters.cell ? eq(cell, filters.cell) : undefined,
          after ? sql`(${cell}, ${binding}) > (${after[0]}, ${after[1]})` : undefined,
        ),
      )
      .orderBy(asc(cell), asc(binding))
      .limit(count),
  );
}
