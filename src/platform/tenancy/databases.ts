import { and, eq, sql } from "drizzle-orm";
import type { PlatformCtx } from "../context.ts";
import { cells, type DatabaseState, tenantDatabases } from "./cells.tables.ts";
import { poolBindings } from "./pool.ts";
import { tenants } from "./registry.tables.ts";
import { type Step, write } from "./statements.ts";
import { internalsOf } from "./tenancy.ts";

/**
 * Claims a free database of this cell for a tenant. One conditional write: of all who want the last
 * one, one wins, and no database is ever claimed twice. The release before this one, which may still run while
 * it is deployed, notes its claims among the tenants alone.
 * @param state what for: `serving` or `filling`
 * @returns the step; without a free database the commit fails as `pool-exhausted`
 */
export function claimDatabase(ctx: PlatformCtx, tenantId: string, state: DatabaseState): Step {
  const { env, settings } = internalsOf(ctx.tenancy);
  const bound = poolBindings(env).sort();
  const names = JSON.stringify(bound);
  const claimable = sql`coalesce(
    (SELECT claimable FROM ${cells} WHERE name = ${settings.CELL}), ${bound.length})`;
  return {
    statement: write.insert(tenantDatabases).select(
      sql`SELECT ${settings.CELL}, pool.value, ${tenantId}, ${state}, ${Date.now()}, NULL
        FROM json_each(${names}) AS pool
        WHERE pool.key < ${claimable} AND NOT EXISTS (
          SELECT 1 FROM ${tenantDatabases} WHERE cell = ${settings.CELL} AND binding = pool.value
        ) AND NOT EXISTS (
          SELECT 1 FROM ${tenants} WHERE cell = ${settings.CELL} AND binding = pool.value
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
