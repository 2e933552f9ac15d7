import { and, asc, desc, eq, gte, lt, type SQL, sql } from "drizzle-orm";
import { idFrom } from "../../platform/ids.ts";
import type { Keyset } from "../../platform/pagination.ts";
import type { RealmDb } from "../../platform/tenancy/index.ts";
import type { PayloadRow } from "./drain.repository.ts";
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
          ofService(service, status),
          ofType(type, status),
          receivedWithin(from, to),
          after ? lt(webhookEvents.id, String(after[0])) : undefined,
        ),
      )
      .orderBy(desc(webhookEvents.id))
      .limit(most),
  );
}

/** States of few events: their index leads, as nearly all events may be of one service or type. */
const FEW: readonly (EventState | undefined)[] = ["pending", "processing", "failed", "dead_letter"];

export const ofService = (service: string | undefined, status: EventState | undefined) =>
  is(webhookEvents.service, service, status);
export const ofType = (type: string | undefined, status: EventState | undefined) =>
  is(webhookEvents.type, type, status);

function is(
  column: typeof webhookEvents.service | typeof webhookEvents.type,
  value: string | undefined,
  status: EventState | undefined,
): SQL | undefined {
  if (value === undefined) return undefined;
  // The sign keeps the column's index out of it.
  return FEW.includes(status) ? sql`+${column} = ${value}` : eq(column, value);
}

/** How far the clock that made an id and the one that noted its receipt may differ, in ms. */
const ID_SKEW_MS = 60_000;

/**
 * Received at or after `from`, and before `to`. An id begins with its time, and all indexes of lists
 * go on with the id, so that each of them leads to these times.
 */
export function receivedWithin(from: string | undefined, to: string | undefined): SQL | undefined {
  const { id, receivedAt } = webhookEvents;
  const [since, until] = [from, to].map((time) => (time === undefined ? null : new Date(time)));
  const idAt = (time: Date, skew: number) =>
    idFrom("webhookEvent", new Date(time.getTime() + skew));
  return and(
    since ? and(gte(receivedAt, since), gte(id, idAt(since, -ID_SKEW_MS))) : undefined,
    until ? and(lt(receivedAt, until), lt(id, idAt(until, ID_SKEW_MS))) : undefined,
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

/** How much there is of each state, counted no further than `most`, and how it moves. */
export interface Pulse {
  readonly counts: Readonly<Record<EventState, number>>;
  /** When the oldest pending event was received, and when a consumer was last here, in ms. */
  readonly oldestPending: number | null;
  readonly seenAt: number | null;
}

export async function pulse(db: RealmDb, most: number): Promise<Pulse> {
  const counts = EVENT_STATES.map(
    (state) => sql`${state}, (SELECT count(*) FROM (SELECT 1 FROM ${webhookEvents}
      WHERE status = ${state} LIMIT ${most}))`,
  );
  const [row] = await db.read((reader) =>
    reader
      .select({
        counts: sql<string>`json_object(${sql.join(counts, sql`, `)})`,
        oldestPending: sql<number | null>`(SELECT received_at FROM ${webhookEvents}
          WHERE status = 'pending' ORDER BY id LIMIT 1)`,
        seenAt: sql<number | null>`(SELECT seen_at FROM ${webhookDrain})`,
      })
      .from(sql`(SELECT 1)`),
  );
  if (!row) throw new Error("A select without a table has one row.");
  return { ...row, counts: JSON.parse(row.counts) };
}
