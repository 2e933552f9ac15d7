import { and, asc, eq, isNull, lt, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { webhookEvents } from "./webhooks.tables.ts";

/** How long the dead-letter queue may take before it is told again, in ms. */
const TOLD_AGAIN_AFTER_MS = 300_000;

/** Dead letters that the consumer of the dead-letter queue has not seen. */
const unburied = and(sql`${webhookEvents.status} = 'dead_letter'`, isNull(webhookEvents.buriedAt));

/** Whether there are dead letters of which the queue should be told again. */
export const anyUnburied = (now: number) =>
  sql<number>`EXISTS (SELECT 1 FROM webhook_events WHERE status = 'dead_letter'
    AND buried_at IS NULL AND ended_at < ${now - TOLD_AGAIN_AFTER_MS})`;

/** Dead letters of which the queue should be told again, the oldest first. */
export function findUnburied(db: RealmDb, now: number, count: number) {
  const before = new Date(now - TOLD_AGAIN_AFTER_MS);
  return db.read(
    (reader) =>
      reader
        .select({ id: webhookEvents.id })
        .from(webhookEvents)
        .where(and(unburied, lt(webhookEvents.endedAt, before)))
        .orderBy(asc(webhookEvents.endedAt))
        .limit(count),
    "primary",
  );
}

export function markBuried(eventId: string, at: Date): Step {
  return {
    statement: write
      .update(webhookEvents)
      .set({ buriedAt: at })
      .where(and(eq(webhookEvents.id, eventId), unburied)),
    expect: "any",
    as: "webhook_events.bury",
  };
}
