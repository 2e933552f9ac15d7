import { and, eq, inArray, lt, type SQL, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { webhookAttempts, webhookEvents, webhookPayloads } from "./webhooks.tables.ts";

/** Events that are over and were received before this; what still waits is never too old. */
export function findOver(db: RealmDb, before: Date, most: number): Promise<string[]> {
  return select(db, inArray(webhookEvents.status, ["completed", "dead_letter"]), before, most);
}

/** Archived events that were received before this. */
export function findArchived(db: RealmDb, before: Date, most: number): Promise<string[]> {
  return select(db, eq(webhookEvents.status, "archived"), before, most);
}

async function select(db: RealmDb, status: SQL, before: Date, most: number): Promise<string[]> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ id: webhookEvents.id })
        .from(webhookEvents)
        .where(and(status, lt(webhookEvents.receivedAt, before)))
        .limit(most),
    "primary",
  );
  return rows.map(({ id }) => id);
}

/** Drops payloads and attempts of these events; that they were here stays known. */
export function archiveEvents(ids: readonly string[]): Step[] {
  const among = amongIds(ids);
  return [
    {
      statement: write
        .update(webhookEvents)
        .set({ status: "archived", dueAt: null, lastError: null })
        .where(
          and(
            among(webhookEvents.id),
            // A dead letter may have been replayed meanwhile.
            inArray(webhookEvents.status, ["completed", "dead_letter"]),
          ),
        ),
      expect: "any",
      as: "webhook_events.archive",
    },
    {
      statement: write
        .delete(webhookPayloads)
        .where(and(among(webhookPayloads.eventId), isArchived(webhookPayloads.eventId))),
      expect: "any",
      as: "webhook_payloads.delete",
    },
    {
      statement: write
        .delete(webhookAttempts)
        .where(and(among(webhookAttempts.eventId), isArchived(webhookAttempts.eventId))),
      expect: "any",
      as: "webhook_attempts.delete",
    },
  ];
}

/** Forgets these events: a repeat would be new. */
export function forgetEvents(ids: readonly string[]): Step {
  return {
    statement: write
      .delete(webhookEvents)
      .where(and(amongIds(ids)(webhookEvents.id), eq(webhookEvents.status, "archived"))),
    expect: "any",
    as: "webhook_events.forget",
  };
}

type IdColumn = typeof webhookEvents.id | typeof webhookPayloads.eventId;

function amongIds(ids: readonly string[]) {
  const list = JSON.stringify(ids);
  return (column: IdColumn | typeof webhookAttempts.eventId) =>
    sql`${column} IN (SELECT value FROM json_each(${list}))`;
}

function isArchived(column: IdColumn | typeof webhookAttempts.eventId): SQL {
  return sql`${column} IN (SELECT id FROM webhook_events WHERE status = 'archived')`;
}
