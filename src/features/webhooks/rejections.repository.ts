import { and, asc, desc, eq, gt, lt, or, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import type { RejectionReason } from "./webhooks.tables.ts";
import { webhookRejections } from "./webhooks.tables.ts";

export type RejectionRow = typeof webhookRejections.$inferSelect;

export interface RejectionFilters {
  readonly service?: string | undefined;
  readonly reason?: RejectionReason | undefined;
}

const HOUR_MS = 3_600_000;

export function countRejections(
  service: string,
  reason: RejectionReason,
  count: number,
  at: Date,
): Step {
  const hour = new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);
  return {
    statement: write
      .insert(webhookRejections)
      .values({ hour, service, reason, count, firstAt: at, lastAt: at })
      .onConflictDoUpdate({
        target: [webhookRejections.service, webhookRejections.reason, webhookRejections.hour],
        set: { count: sql`count + ${count}`, lastAt: at },
      }),
    expect: 1,
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
          after ? behind(after) : undefined,
        ),
      )
      .orderBy(desc(table.hour), asc(table.service), asc(table.reason))
      .limit(count),
  );
}

function behind([at, service, reason]: Keyset) {
  const table = webhookRejections;
  const hour = new Date(Number(at));
  return or(
    lt(table.hour, hour),
    and(eq(table.hour, hour), gt(table.service, String(service))),
    and(
      eq(table.hour, hour),
      eq(table.service, String(service)),
      sql`${table.reason} > ${String(reason)}`,
    ),
  );
}

/** Forgets sums whose last delivery is older than this. */
export function deleteRejections(before: Date, count: number): Step {
  return {
    statement: write.delete(webhookRejections).where(
      sql`rowid IN (SELECT rowid FROM ${webhookRejections} WHERE last_at < ${before.getTime()}
        LIMIT ${count})`,
    ),
    expect: "any",
    as: "webhook_rejections.delete",
  };
}
