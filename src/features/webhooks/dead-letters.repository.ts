import { and, asc, eq, isNull, lt, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { webhookEvents } from "./webhooks.tables.ts";

/** Dead letters that the consumer of the dead-letter queue has not seen. */
const unburied = and(sql`${webhookEvents.status} = 'dead_letter'`, isNull(webhookEvents.buriedAt));

export function findUnburied(db: RealmDb, before: Date, count: number) {
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
