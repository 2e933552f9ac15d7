import { and, eq, isNull, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { webhookEvents } from "./webhooks.tables.ts";

/** How long the dead-letter queue may take before it is told again, in ms. */
const TOLD_AGAIN_AFTER_MS = 300_000;

/** Dead letters that the consumer of the dead-letter queue has not seen. */
const unburied = and(sql`${webhookEvents.status} = 'dead_letter'`, isNull(webhookEvents.buriedAt));

/**
 * By the index of those: the planner would take the one of all dead letters. What was told and not
 * seen stands there by the time of its telling; before it, what nobody noted as told.
 */
const UNBURIED = sql.raw(
  `FROM webhook_events INDEXED BY webhook_events_unburied
    WHERE status = 'dead_letter' AND buried_at IS NULL`,
);
const neverTold = (now: number) =>
  sql`${UNBURIED} AND told_at IS NULL AND ended_at < ${now - TOLD_AGAIN_AFTER_MS}`;
const toldLongAgo = (now: number) => sql`${UNBURIED} AND told_at < ${now - TOLD_AGAIN_AFTER_MS}`;

/** Whether there are dead letters of which the queue should be told again. */
export const anyUnburied = (now: number) =>
  sql<number>`(EXISTS (SELECT 1 ${toldLongAgo(now)}) OR EXISTS (SELECT 1 ${neverTold(now)}))`;

/** Dead letters of which the queue should be told again, what waits longest first. */
export async function findUnburied(db: RealmDb, now: number, count: number): Promise<string[]> {
  const rows = await db.read(
    (reader) =>
      reader.select({ id: sql<string>`id` }).from(
        sql`(SELECT id FROM (SELECT id ${neverTold(now)} LIMIT ${count})
          UNION ALL SELECT id FROM (SELECT id ${toldLongAgo(now)} ORDER BY told_at LIMIT ${count})
          LIMIT ${count})`,
      ),
    "primary",
  );
  return rows.map(({ id }) => id);
}

/** Notes that the queue is told of these now: of all, or of none and `conflict`. */
export function markTold(ids: readonly string[], now: number): Step[] {
  const before = now - TOLD_AGAIN_AFTER_MS;
  return [
    {
      statement: write
        .update(webhookEvents)
        .set({ toldAt: new Date(now) })
        .where(
          and(
            sql`${webhookEvents.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
            unburied,
            sql`coalesce(${webhookEvents.toldAt}, ${webhookEvents.endedAt}) < ${before}`,
          ),
        ),
      expect: "any",
      as: "webhook_events.tell",
    },
    {
      require: sql`changes() = ${ids.length}`,
      as: "webhook_events.told_all",
      otherwise: "conflict",
    },
  ];
}

/** What people are told of an event that has failed for good. */
export type DeadLetter = Pick<
  typeof webhookEvents.$inferSelect,
  "id" | "service" | "type" | "attempts" | "lastError" | "endedAt"
>;

/** A dead letter that the dead-letter queue's consumer has not seen; else nothing. */
export async function findUnseen(db: RealmDb, eventId: string): Promise<DeadLetter | undefined> {
  const { id, service, type, attempts, lastError, endedAt } = webhookEvents;
  const [row] = await db.read(
    (reader) =>
      reader
        .select({ id, service, type, attempts, lastError, endedAt })
        .from(webhookEvents)
        .where(and(eq(id, eventId), unburied)),
    "primary",
  );
  return row;
}

/** Fails with `event-state` when it is no dead letter, or was seen before. */
export function markBuried(eventId: string, at: Date): Step {
  return {
    statement: write
      .update(webhookEvents)
      .set({ buriedAt: at })
      .where(and(eq(webhookEvents.id, eventId), unburied)),
    expect: 1,
    as: "webhook_events.bury",
    otherwise: "event-state",
  };
}
