import { and, desc, eq, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import type { RejectionSum } from "./rejections.pending.ts";
import type { RejectionReason } from "./webhooks.tables.ts";
import { webhookRejections } from "./webhooks.tables.ts";

export type RejectionRow = typeof webhookRejections.$inferSelect;

export interface RejectionFilters {
  readonly service?: string | undefined;
  readonly reason?: RejectionReason | undefined;
}

/** Adds to what is counted. Another isolate may have counted later ones before. */
export function countRejections(sums: readonly RejectionSum[]): Step {
  const value = (name: keyof RejectionSum) => sql`json_extract(value, ${`$.${name}`})`;
  return {
    statement: write
      .insert(webhookRejections)
      // In the order of the table's columns.
      .select(
        sql`SELECT ${value("hour")}, ${value("service")}, ${value("reason")}, ${value("count")},
          ${value("firstAt")}, ${value("lastAt")} FROM json_each(${JSON.stringify(sums)}) WHERE true`,
      )
      .onConflictDoUpdate({
        target: [webhookRejections.hour, webhookRejections.service, webhookRejections.reason],
        set: {
          count: sql`count + excluded.count`,
          firstAt: sql`min(first_at, excluded.first_at)`,
          lastAt: sql`max(last_at, excluded.last_at)`,
        },
      }),
    expect: "any",
    as: "webhook_rejections.count",
  };
}

export function listRejections(
  db: RealmDb,
  { service, reason }: RejectionFilters,
  after: Keyset | null,
  count: number,
): Promise<RejectionRow[]> {
  const table = webhookRejections;
  return db.read((reader) =>
    reader
      .select()
      .from(table)
      .where(
        and(
          service === undefined ? undefined : eq(table.service, service),
          reason === undefined ? undefined : eq(table.reason, reason),
          // In the order of the primary key.
          after
            ? sql`(hour, service, reason) < (${after[0]}, ${after[1]}, ${after[2]})`
            : undefined,
        ),
      )
      .orderBy(desc(table.hour), desc(table.service), desc(table.reason))
      .limit(count),
  );
}

/** A sum is of a whole hour: it is old when its last minute is. */
const SUMMED_MS = 3_600_000;

/** Sums of hours that were over before this time. */
export const rejectionsBefore = (before: Date) =>
  sql`SELECT rowid FROM ${webhookRejections} WHERE hour <= ${before.getTime() - SUMMED_MS}`;

/** Forgets them. */
export function deleteRejections(before: Date, count: number): Step {
  return {
    statement: write
      .delete(webhookRejections)
      .where(sql`rowid IN (${rejectionsBefore(before)} LIMIT ${count})`),
    expect: "any",
    as: "webhook_rejections.delete",
  };
}
