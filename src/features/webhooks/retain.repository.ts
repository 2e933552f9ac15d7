import { and, eq, type SQL, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { rejectionsBefore } from "./rejections.repository.ts";
import {
  webhookAttempts,
  webhookBatches,
  webhookEvents,
  webhookPayloads,
} from "./webhooks.tables.ts";

/** What is kept until when. */
export interface Limits {
  /** Payloads, attempts and rejections of before this time are dropped. */
  readonly payloads: Date;
  /** Events and batches of before this time are forgotten. */
  readonly events: Date;
}

/** What has been kept long enough; of each kind, at most so many. */
export interface Old {
  /** Events that are over, with the bytes of their payloads. */
  readonly over: readonly { readonly id: string; readonly size: number }[];
  /** Archived events. */
  readonly archived: readonly string[];
  readonly batches: number;
  readonly rejections: number;
}

/**
 * Looks for all that is too old, in one read. Events count from when they ended: what was held, or
 * tried for long, is kept as long as the rest, and what still waits is never too old. Nor is a dead
 * letter of which nobody has been told.
 */
export async function findOld(db: RealmDb, limits: Limits, most: number): Promise<Old> {
  const { payloads, events } = limits;
  const kinds = [
    sql`SELECT 'over' AS kind, id, size FROM (${ended("completed", payloads)} LIMIT ${most})`,
    sql`SELECT 'over', id, size FROM (${ended("dead_letter", payloads)}
      AND buried_at IS NOT NULL LIMIT ${most})`,
    sql`SELECT 'archived', id, 0 FROM (${ended("archived", events)} LIMIT ${most})`,
    sql`SELECT 'batches', '', count(*) FROM (${batchesBefore(events)} LIMIT ${most})`,
    sql`SELECT 'rejections', '', count(*) FROM (${rejectionsBefore(payloads)} LIMIT ${most})`,
  ];
  const rows = await db.read(
    (reader) =>
      reader
        .select({ kind: sql<string>`kind`, id: sql<string>`id`, size: sql<number>`size` })
        .from(sql`(${sql.join(kinds, sql` UNION ALL `)})`),
    "primary",
  );
  const of = (wanted: string) => rows.filter(({ kind }) => kind === wanted);
  const count = (wanted: string) => of(wanted)[0]?.size ?? 0;
  return {
    over: of("over"),
    archived: of("archived").map(({ id }) => id),
    batches: count("batches"),
    rejections: count("rejections"),
  };
}

const ended = (status: string, before: Date) =>
  sql`SELECT id, size FROM ${webhookEvents} INDEXED BY webhook_events_ended
    WHERE status = ${status} AND ended_at < ${before.getTime()}`;

const batchesBefore = (before: Date) =>
  sql`SELECT rowid FROM ${webhookBatches} WHERE received_at < ${before.getTime()}`;

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
            // A dead letter may have been replayed meanwhile, and even have died again.
            sql`(status = 'completed' OR (status = 'dead_letter' AND buried_at IS NOT NULL))`,
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

/** Forgets batches; their events are known by themselves. */
export function forgetBatches(before: Date, most: number): Step {
  return {
    statement: write
      .delete(webhookBatches)
      .where(sql`rowid IN (${batchesBefore(before)} LIMIT ${most})`),
    expect: "any",
    as: "webhook_batches.forget",
  };
}

type IdOfEvent = typeof webhookPayloads.eventId | typeof webhookAttempts.eventId;

function amongIds(ids: readonly string[]) {
  const list = JSON.stringify(ids);
  return (column: IdOfEvent | typeof webhookEvents.id) =>
    sql`${column} IN (SELECT value FROM json_each(${list}))`;
}

function isArchived(eventId: IdOfEvent): SQL {
  return sql`EXISTS (SELECT 1 FROM webhook_events AS event
    WHERE event.id = ${eventId} AND event.status = 'archived')`;
}
