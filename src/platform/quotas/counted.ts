import { sql } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Ctx } from "../context.ts";
import type { RealmDb, Step } from "../tenancy/index.ts";
import type { QuotaName } from "./quotas.ts";
import { isOverQuota, overQuota, quotasFor } from "./refusal.ts";

/** A quota on the rows of a table. */
export interface CountedQuota {
  readonly name: QuotaName;
  readonly table: SQLiteTable;
}

/**
 * Adds a row, if the quota has room for it. The commit itself counts, so that of many who want the last
 * place one gets it.
 * @param add commits, with these steps before the row's own
 * @throws Failure `over-quota`
 */
export async function withinQuota<T>(
  ctx: Ctx,
  { name, table }: CountedQuota,
  add: (room: readonly Step[]) => Promise<T>,
): Promise<T> {
  const quota = quotasFor(ctx)[name];
  if (quota === null) return add([]);
  const room: Step = {
    require: sql`(SELECT count(*) FROM ${table}) < ${quota}`,
    as: `quota.${name}`,
    otherwise: "over-quota",
  };
  try {
    return await add([room]);
  } catch (error) {
    if (!isOverQuota(error)) throw error;
    throw await overQuota(ctx, name, { quota, used: await countRows(ctx.db, table) });
  }
}

/** How many rows the table has. */
async function countRows(db: RealmDb, table: SQLiteTable): Promise<number> {
  const [row] = await db.read(
    (reader) => reader.select({ rows: sql<number>`count(*)` }).from(table),
    "primary",
  );
  return row?.rows ?? 0;
}
