import { and, asc, desc, eq, sql } from "drizzle-orm";
import { type RealmDb, realm, type Step, write } from "../../platform/tenancy/index.ts";
import { anyDue } from "./claim.repository.ts";
import { anyUnburied } from "./dead-letters.repository.ts";
import {
  webhookAttempts,
  webhookDrain,
  webhookEvents,
  webhookPayloads,
} from "./webhooks.tables.ts";

/** Payloads up to this size come with their events in one trip; larger ones alone, in bytes. */
const SMALL_BYTES = 65_536;

/** What a consumer finds before it touches anything. */
export interface Glance {
  /** Suspended tenants' events are held. */
  readonly open: boolean;
  readonly due: boolean;
  /** Whether there are dead letters of which the queue should be told again. */
  readonly unburied: boolean;
  /** End of the time for which a chain of doorbells is trusted; 0 when there is none. */
  readonly chainUntil: number;
  readonly seenAt: number;
}

/** One look, without a write: most doorbells find nothing to do. */
export async function glance(db: RealmDb, now: number): Promise<Glance> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          open: sql<number>`${realm.status} = 'active'`,
          due: sql<number>`${anyDue(now)}`,
          unburied: anyUnburied(now),
          chainUntil: sql<number>`coalesce((SELECT chain_until FROM ${webhookDrain}), 0)`,
          seenAt: sql<number>`coalesce((SELECT seen_at FROM ${webhookDrain}), 0)`,
        })
        .from(realm),
    "primary",
  );
  if (!row) throw new Error(`The database of ${db.realmId} has no realm.`);
  const { open, due, unburied } = row;
  return { ...row, open: open === 1, due: due === 1, unburied: unburied === 1 };
}

/** Notes that a consumer was here. */
export function noteSeen(now: number): Step {
  return {
    statement: write
      .insert(webhookDrain)
      .values({ singleton: 1, chainUntil: new Date(0), seenAt: new Date(now) })
      .onConflictDoUpdate({ target: webhookDrain.singleton, set: { seenAt: new Date(now) } }),
    expect: 1,
    as: "webhook_drain.seen",
  };
}

/** What a lease holds: live events first, what has been tried least before the rest. */
export async function claimedBy(db: RealmDb, lease: string) {
  const rows = await db.read(
    (reader) =>
      reader
        .select({
          event: webhookEvents,
          kind: webhookPayloads.kind,
          text: sql<string | null>`CASE WHEN ${webhookEvents.size} <= ${SMALL_BYTES}
            THEN ${webhookPayloads.text} END`,
        })
        .from(webhookEvents)
        .leftJoin(webhookPayloads, eq(webhookPayloads.eventId, webhookEvents.id))
        .where(eq(webhookEvents.lease, lease))
        .orderBy(
          asc(webhookEvents.replay),
          desc(webhookEvents.attemptsLeft),
          asc(webhookEvents.receivedAt),
          asc(webhookEvents.id),
        ),
    "primary",
  );
  return rows;
}

/** What a consumer leaves to others. */
export interface Rest {
  /** Whether something was left when the chain last took what is due. */
  readonly chainAlive: boolean;
  /** When the first of the failed events is due that were not due at `now`; null without one. */
  readonly retryAt: number | null;
}

export async function findRest(db: RealmDb, now: number): Promise<Rest> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          until: webhookDrain.chainUntil,
          retryAt: sql<number | null>`(SELECT min(due_at) FROM (
            SELECT * FROM (${firstRetry(0, now)}) UNION ALL SELECT * FROM (${firstRetry(1, now)})))`,
        })
        .from(webhookDrain),
    "primary",
  );
  return { chainAlive: (row?.until.getTime() ?? 0) > 0, retryAt: row?.retryAt ?? null };
}

/** By the index, past all that is due: a flood is not read through for it. */
const firstRetry = (replay: 0 | 1, now: number) => sql`SELECT due_at FROM webhook_events
  WHERE replay = ${replay} AND due_at >= ${now} AND status = 'failed' ORDER BY due_at LIMIT 1`;

export type ClaimedRow = Awaited<ReturnType<typeof claimedBy>>[number];

/** One event's payload, whatever its size. */
export async function findPayload(db: RealmDb, eventId: string) {
  const [row] = await db.read(
    (reader) => reader.select().from(webhookPayloads).where(eq(webhookPayloads.eventId, eventId)),
    "primary",
  );
  return row;
}

export type PayloadRow = NonNullable<Awaited<ReturnType<typeof findPayload>>>;

/** How an attempt ended. */
export type Ending =
  | { readonly status: "completed" }
  | { readonly status: "failed"; readonly error: string; readonly dueAt: Date }
  | { readonly status: "dead_letter"; readonly error: string };

/**
 * Ends an attempt, if its lease is still the event's; otherwise fails with `event-state`, and
 * with it all that the commit would have changed.
 */
export function endAttempt(eventId: string, lease: string, ending: Ending, at: Date): Step[] {
  const error = ending.status === "completed" ? null : ending.error;
  return [
    {
      statement: write
        .update(webhookEvents)
        .set({
          status: ending.status,
          lease: null,
          lastError: error,
          dueAt: ending.status === "failed" ? ending.dueAt : null,
          endedAt: ending.status === "failed" ? null : at,
        })
        .where(and(eq(webhookEvents.id, eventId), eq(webhookEvents.lease, lease))),
      expect: 1,
      as: "webhook_events.end",
      otherwise: "event-state",
    },
    {
      statement: write
        .update(webhookAttempts)
        .set({
          endedAt: at,
          outcome: ending.status === "completed" ? "completed" : "failed",
          error,
        })
        .where(and(eq(webhookAttempts.eventId, eventId), eq(webhookAttempts.lease, lease))),
      expect: 1,
      as: "webhook_attempts.end",
    },
  ];
}
