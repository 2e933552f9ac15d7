import { sql } from "drizzle-orm";
import type { PlatformCtx, TenantCtx } from "../context.ts";
import { handleOf, type PreparedSql } from "./database.ts";
import type { TenantRoute } from "./directory.ts";
import { requireCell } from "./here.ts";
import { realm } from "./realm.tables.ts";
import { guard, prepare } from "./statements.ts";
import { openRoute } from "./tenancy.ts";

/** Rows deleted in one batch: small enough for payloads, of which a row may hold a megabyte. */
const ROWS = 500;
/**
 * What stays to the end. The realm's row says whose the database is, and each batch asks it; what
 * was migrated says that nothing is to be made anew.
 */
const KEPT = ["realm", "d1_migrations"];
/** The log names what else there is to erase, so it goes after all others. */
const LATE = ["audit_log"];

/**
 * The scope, inside a tenant that nobody can enter any more.
 * @throws Failure `misdirected`
 */
export function enterPurging(ctx: PlatformCtx, route: TenantRoute): Promise<TenantCtx> {
  requireCell(ctx, route.cell);
  if (route.state !== "purging") throw new Error(`The tenant ${route.id} is not being purged.`);
  return openRoute(ctx, route);
}

/** Whether a tenant's database still holds tables of ours. */
export async function holdsTables(ctx: TenantCtx): Promise<boolean> {
  return (await tablesOf(ctx)).length > 0;
}

/**
 * Erases the database of a tenant that is being purged: rows in chunks, those that refer to others
 * first, at last all tables at once. It keeps no log of that, since the log goes too. What was erased
 * stays erased, so that it may be broken off anywhere and begun again.
 * @param until when it stops, in ms since 1970
 * @returns whether nothing is left
 * @throws Error when the database is another realm's; nothing was changed then
 */
export async function eraseDatabase(ctx: TenantCtx, until: number): Promise<boolean> {
  const tables = await tablesOf(ctx);
  if (tables.length === 0) return true;
  await closeForGood(ctx);
  for (const table of tables) {
    if (!KEPT.includes(table) && !(await emptyTable(ctx, table, until))) return false;
  }
  const dropped = tables.filter((name) => name !== "d1_migrations");
  await erase(
    ctx,
    dropped.map((name) => sql`DROP TABLE IF EXISTS ${sql.identifier(name)}`),
  );
  return true;
}

/** Lets nobody in who still knows the way, and lifts what keeps the log from being erased. */
async function closeForGood(ctx: TenantCtx): Promise<void> {
  const triggers = await ctx.db.read(
    (reader) =>
      reader
        .select({ name: sql<string>`name` })
        .from(sql`sqlite_master`)
        .where(sql`type = 'trigger'`),
    "primary",
  );
  await erase(ctx, [
    sql`UPDATE ${realm} SET status = 'deactivated' WHERE status <> 'deactivated'`,
    ...triggers.map(({ name }) => sql`DROP TRIGGER IF EXISTS ${sql.identifier(name)}`),
  ]);
}

/** @returns whether it is empty; false where the time was over before */
async function emptyTable(ctx: TenantCtx, name: string, until: number): Promise<boolean> {
  const table = sql.identifier(name);
  while (Date.now() < until) {
    const [deleted = 0] = await erase(ctx, [
      sql`DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} LIMIT ${ROWS})`,
    ]);
    if (deleted < ROWS) return true;
  }
  return false;
}

/** One batch, in the tenant's own database or not at all. @returns rows changed by each statement */
async function erase(ctx: TenantCtx, statements: ReturnType<typeof sql>[]): Promise<number[]> {
  const own = sql`EXISTS (SELECT 1 FROM ${realm} WHERE ${realm.id} = ${ctx.realm.id})`;
  const batch: PreparedSql[] = [guard(own, "realm.own"), ...statements.map(prepare)];
  const results = await handleOf(ctx.db).batch(batch);
  return results.slice(1).map(({ meta }) => meta.changes);
}

/** The tables, each before those that it refers to. None where all were dropped. */
async function tablesOf(ctx: TenantCtx): Promise<string[]> {
  const rows = await ctx.db.read(
    (reader) =>
      reader
        .select({ name: sql<string>`m.name`, parent: sql<string | null>`f."table"` })
        .from(sql`sqlite_master AS m LEFT JOIN pragma_foreign_key_list(m.name) AS f`)
        .where(sql`m.type = 'table' AND m.name NOT GLOB 'sqlite_*' AND m.name NOT GLOB '_cf_*'`),
    "primary",
  );
  const parents = Map.groupBy(rows, ({ name }) => name);
  const names = [...parents.keys()].filter((name) => !LATE.includes(name));
  const ordered = new Set<string>();
  // Whoever refers to a table is put before it, however long the chain.
  const place = (name: string) => {
    for (const [child, links] of parents) {
      const refers = child !== name && links.some(({ parent }) => parent === name);
      if (refers && !ordered.has(child)) place(child);
    }
    ordered.add(name);
  };
  if (!parents.has("realm")) return [];
  for (const name of names) place(name);
  return [...ordered, ...LATE.filter((name) => parents.has(name))];
}
