import { sql } from "drizzle-orm";
import type { PlatformCtx, TenantCtx } from "../context.ts";
import { handleOf, type PreparedSql } from "./database.ts";
import type { TenantRoute } from "./directory.ts";
import { requireCell } from "./here.ts";
import { realm } from "./realm.tables.ts";
import { guard, prepare } from "./statements.ts";
import { readTables } from "./table-shapes.ts";
import { openRoute } from "./tenancy.ts";

/** Rows deleted in one batch: small enough for payloads, of which a row may hold a megabyte. */
const ROWS = 500;
/** Stays to the end: its row says whose the database is, and each batch asks it. */
const KEPT = "realm";
/** The log names what else there is to erase, so it goes after all others. */
const LAST = "audit_log";

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
 * first, at last all tables at once, but for the list of migrations: nothing is to be made anew. It
 * keeps no log of that, since the log goes too. What was erased stays erased, so that it may be broken
 * off anywhere and begun again.
 * @param batches after how many of rows it stops, so that what asks for it may end
 * @returns whether nothing is left
 * @throws Error when the database is another realm's; nothing was changed then
 */
export async function eraseDatabase(ctx: TenantCtx, batches: number): Promise<boolean> {
  const tables = await tablesOf(ctx);
  if (tables.length === 0) return true;
  await closeForGood(ctx);
  let left = batches;
  for (const table of tables.filter((name) => name !== KEPT)) {
    left = await emptyTable(ctx, table, left);
    if (left < 0) return false;
  }
  await erase(
    ctx,
    tables.map((name) => sql`DROP TABLE IF EXISTS ${sql.identifier(name)}`),
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

/** @returns how many batches are left once it is empty; fewer than none where they did not suffice */
async function emptyTable(ctx: TenantCtx, name: string, batches: number): Promise<number> {
  const table = sql.identifier(name);
  for (let left = batches - 1; left >= 0; left -= 1) {
    const [deleted = 0] = await erase(ctx, [
      sql`DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} LIMIT ${ROWS})`,
    ]);
    if (deleted < ROWS) return left;
  }
  return -1;
}

/** One batch, in the tenant's own database or not at all. @returns rows changed by each statement */
async function erase(ctx: TenantCtx, statements: ReturnType<typeof sql>[]): Promise<number[]> {
  const own = sql`EXISTS (SELECT 1 FROM ${realm} WHERE ${realm.id} = ${ctx.realm.id})`;
  const batch: PreparedSql[] = [guard(own, "realm.own"), ...statements.map(prepare)];
  const results = await handleOf(ctx.db).batch(batch);
  return results.slice(1).map(({ meta }) => meta.changes);
}

/** The tables, each before those that it refers to. None where all were dropped. */
async function tablesOf({ db }: TenantCtx): Promise<string[]> {
  const names = (await readTables(db)).map(({ name }) => name).reverse();
  if (!names.includes("realm")) return [];
  return [...names.filter((name) => name !== LAST), ...names.filter((name) => name === LAST)];
}
