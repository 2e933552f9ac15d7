import { and, eq, sql } from "drizzle-orm";
import type { PlatformCtx } from "../context.ts";
import { cells, type DatabaseState, tenantDatabases } from "./cells.tables.ts";
import { boundHere } from "./cells.ts";
import { type Step, write } from "./statements.ts";

/**
 * Claims a free database of this cell for a tenant. One conditional write: of all who want the last
 * one, one wins, and no database is ever claimed twice. Once cells are known, only an open one claims, and
 * of its pool what was tried.
 * @param state what for: `serving` or `filling`
 * @returns the step; without a free database the commit fails as `pool-exhausted`
 */
export function claimDatabase(ctx: PlatformCtx, tenantId: string, state: DatabaseState): Step {
  const { CELL } = ctx.settings;
  const bound = boundHere(ctx);
  const claimable = sql`CASE WHEN EXISTS (SELECT 1 FROM ${cells})
    THEN (SELECT claimable FROM ${cells} WHERE name = ${CELL} AND open)
    ELSE ${bound.length} END`;
  return {
    statement: write.insert(tenantDatabases).select(
      sql`SELECT ${CELL}, pool.value, ${tenantId}, ${state}, ${Date.now()}, NULL
        FROM json_each(${JSON.stringify(bound)}) AS pool
        WHERE pool.key < (${claimable}) AND NOT EXISTS (
          SELECT 1 FROM ${tenantDatabases} WHERE cell = ${CELL} AND binding = pool.value
        ) LIMIT 1`,
    ),
    expect: 1,
    as: "tenant_databases.claim",
    otherwise: "pool-exhausted",
  };
}

/** Takes a database out of service for good. */
export function retireDatabase(cell: string, binding: string): Step {
  return {
    statement: write
      .update(tenantDatabases)
      .set({ state: "retired", retiredAt: new Date() })
      .where(and(eq(tenantDatabases.cell, cell), eq(tenantDatabases.binding, binding))),
    expect: 1,
    as: "tenant_databases.retire",
  };
}
