import { eq, lt, type SQL, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../tenancy/index.ts";
import { usage } from "./usage.tables.ts";

/** The schema from which on a tenant's database counts. On the one before nothing is counted or refused. */
const COUNTS_SINCE = 9;

/** The calendar month (UTC) of a time, such as `2026-11`. */
export function monthOf(at: Date): string {
  return at.toISOString().slice(0, 7);
}

/**
 * Counts events, in the commit that records them.
 * @param happened only if this holds then
 */
export function countEvents(events: number, at: Date, happened: SQL = sql`1`): Step {
  return {
    statement: write
      .insert(usage)
      .select(sql`SELECT ${monthOf(at)}, ${events} WHERE ${happened}`)
      .onConflictDoUpdate({
        target: usage.month,
        set: { events: sql`${usage.events} + excluded.events` },
      }),
    expect: "any",
    as: "usage.count",
    since: COUNTS_SINCE,
  };
}

/** Counts events that somebody has posted: with them, their month must have no more than the quota. */
export function countPosted(events: number, at: Date, quota: number | null): Step[] {
  const counted = countEvents(events, at);
  if (quota === null) return [counted];
  const room: Step = {
    require: sql`(SELECT events FROM ${usage} WHERE month = ${monthOf(at)}) <= ${quota}`,
    as: "quota.events_per_month",
    otherwise: "over-quota",
    since: COUNTS_SINCE,
  };
  return [counted, room];
}

/** Events that were recorded in the month of that time. */
export async function eventsIn(db: RealmDb, at: Date): Promise<number> {
  if (db.schemaVersion < COUNTS_SINCE) return 0;
  const [row] = await db.read(
    (reader) =>
      reader
        .select({ events: usage.events })
        .from(usage)
        .where(eq(usage.month, monthOf(at))),
    "primary",
  );
  return row?.events ?? 0;
}

/** Whether there are months before this one. */
export async function hasMonthsBefore(db: RealmDb, month: string): Promise<boolean> {
  if (db.schemaVersion < COUNTS_SINCE) return false;
  const rows = await db.read(
    (reader) =>
      reader.select({ found: sql<number>`1` }).from(usage).where(lt(usage.month, month)).limit(1),
    "primary",
  );
  return rows.length > 0;
}

/** Forgets the months before this one. */
export function forgetMonths(before: string): Step {
  return {
    statement: write.delete(usage).where(lt(usage.month, before)),
    expect: "any",
    as: "usage.forget",
    since: COUNTS_SINCE,
  };
}
