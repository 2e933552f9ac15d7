import { and, asc, count, desc, eq, gte, lt, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import type { RealmDb } from "../../platform/tenancy/index.ts";
import {
  EVENT_STATES,
  type EventState,
  webhookAttempts,
  webhookDrain,
  webhookEvents,
  webhookPayloads,
} from "./webhooks.tables.ts";

export { EVENT_STATES, type EventState };
export type EventRow = typeof webhookEvents.$inferSelect;
export type AttemptRow = Omit<typeof webhookAttempts.$inferSelect, "eventId">;
export type PayloadRow = typeof webhookPayloads.$inferSelect;

export interface EventFilters {
  readonly status?: EventState | undefined;
  readonly service?: string | undefined;
  readonly type?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Received events, the newest first. */
export function listReceived(
  db: RealmDb,
  { status, service, type, from, to }: EventFilters,
  after: Keyset | null,
  most: number,
): Promise<EventRow[]> {
  return db.read((reader) =>
    reader
      .select()
      .from(webhookEvents)
      .where(
        and(
          status === undefined ? undefined : eq(webhookEvents.status, status),
          service === undefined ? undefined : eq(webhookEvents.service, service),
          type === undefined ? undefined : eq(webhookEvents.type, type),
          from === undefined ? undefined : gte(webhookEvents.receivedAt, new Date(from)),
          to === undefined ? undefined : lt(webhookEvents.receivedAt, new Date(to)),
          after ? lt(webhookEvents.id, String(after[0])) : undefined,
        ),
      )
      .orderBy(desc(webhookEvents.id))
      .limit(most),
  );
}

export async function findReceived(
  db: RealmDb,
  id: string,
  from?: "primary",
): Promise<EventRow | undefined> {
  const [row] = await db.read(
    (reader) => reader.select().from(webhookEvents).where(eq(webhookEvents.id, id)),
    from,
  );
  return row;
}

/** An event with its attempts, the first one first, and its payload if that is wanted: one trip. */
export async function findWhole(
  db: RealmDb,
  id: string,
  withPayload: boolean,
): Promise<{ event: EventRow; attempts: AttemptRow[]; payload: PayloadRow | null } | undefined> {
  const [row] = await db.read((reader) =>
    reader
      .select({ event: webhookEvents, attempts: attemptsJson, payload: webhookPayloads })
      .from(webhookEvents)
      .leftJoin(
        webhookPayloads,
        and(eq(webhookPayloads.eventId, webhookEvents.id), withPayload ? undefined : sql`false`),
      )
      .where(eq(webhookEvents.id, id)),
  );
  return row && { ...row, attempts: readAttempts(row.attempts) };
}

/** A list in one value, so that the payload comes once and not with each attempt. */
const attemptsJson = sql<string>`(SELECT json_group_array(json_array(number, lease, started_at,
    ended_at, outcome, error))
  FROM (SELECT * FROM ${webhookAttempts} WHERE event_id = "webhook_events"."id" ORDER BY number))`;

type AttemptTuple = [number, string, number, number | null, AttemptRow["outcome"], string | null];

function readAttempts(json: string): AttemptRow[] {
  return (JSON.parse(json) as AttemptTuple[]).map(
    ([number, lease, startedAt, endedAt, outcome, error]) => ({
      number,
      lease,
      startedAt: new Date(startedAt),
      endedAt: endedAt === null ? null : new Date(endedAt),
      outcome,
      error,
    }),
  );
}

/** Since when the event that waits longest has been due, in ms; null when none waits. */
export async function oldestDue(db: RealmDb, now: number): Promise<number | null> {
  const [row] = await db.read((reader) =>
    reader
      .select({ dueAt: webhookEvents.dueAt })
      .from(webhookEvents)
      .where(and(eq(webhookEvents.replay, false), lt(webhookEvents.dueAt, new Date(now))))
      .orderBy(asc(webhookEvents.dueAt))
      .limit(1),
  );
  return row?.dueAt?.getTime() ?? null;
}

export function countByState(db: RealmDb) {
  return db.read((reader) =>
    reader
      .select({ status: webhookEvents.status, events: count() })
      .from(webhookEvents)
      .groupBy(webhookEvents.status),
  );
}

/** When the oldest pending event was received, and when a consumer was last here. */
export async function pulse(db: RealmDb) {
  const [row] = await db.read((reader) =>
    reader
      .select({
        oldestPending: sql<number | null>`(SELECT received_at FROM ${webhookEvents}
          WHERE status = 'pending' ORDER BY id LIMIT 1)`,
        seenAt: sql<number | null>`(SELECT seen_at FROM ${webhookDrain})`,
      })
      .from(sql`(SELECT 1)`),
  );
  return { oldestPending: row?.oldestPending ?? null, seenAt: row?.seenAt ?? null };
}
