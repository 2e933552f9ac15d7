import { lt, sql } from "drizzle-orm";
import { idFrom } from "../../platform/ids.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { events } from "./events.tables.ts";

/** Ids begin with the time at which the event was recorded: their own index finds the oldest. */
const recordedBefore = (before: Date) => lt(events.id, idFrom("event", before));

/** How many events are older, up to so many. */
export async function countOld(db: RealmDb, before: Date, most: number): Promise<number> {
  const rows = await db.read(
    (reader) =>
      reader.select({ old: sql<number>`1` }).from(events).where(recordedBefore(before)).limit(most),
    "primary",
  );
  return rows.length;
}

/** Forgets the oldest of them, at most so many. */
export function forgetEvents(before: Date, most: number): Step {
  return {
    statement: write.delete(events).where(
      sql`${events.id} IN (SELECT id FROM ${events} AS old
        WHERE old.id < ${idFrom("event", before)} ORDER BY old.id LIMIT ${most})`,
    ),
    expect: "any",
    as: "events.forget",
  };
}
