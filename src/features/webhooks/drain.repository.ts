import { and, asc, desc, eq, sql } from "drizzle-orm";
import { type RealmDb, realm, type Step, write } from "../../platform/tenancy/index.ts";
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
  /** End of the time for which a chain of doorbells is trusted; 0 when there is none. */
  readonly chainUntil: number;
  readonly seenAt: number;
}

const anyDue = (now: number) =>
  sql`EXISTS (SELECT 1 FROM ${webhookEvents} WHERE replay IN (0, 1) AND due_at <= ${now})`;

/** One look, without a write: most doorbells find nothing to do. */
export async function glance(db: RealmDb, now: number): Promise<Glance> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          open: sql<number>`${realm.status} = 'active'`,
          due: sql<number>`${anyDue(now)}`,
          chainUntil: sql<number>`coalesce((SELECT chain_until FROM ${webhookDrain}), 0)`,
          seenAt: sql<number>`coalesce((SELECT seen_at FROM ${webhookDrain}), 0)`,
        })
        .from(realm),
    "primary",
  );
  if (!row) throw new Error(`The database of ${db.realmId} has no realm.`);
  return { ...row, open: row.open === 1, due: row.due === 1 };
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

export interface Claim {
  readonly lease: string;
  readonly now: number;
  readonly leaseUntil: number;
  readonly chainUntil: number;
  /** Whether the chain's own doorbell asks; another gives way to a chain. */
  readonly again: boolean;
  /** Events, and replays among them at most. */
  readonly live: number;
  readonly replays: number;
}

/**
 * Takes what is due: live events first, the longest due before the others, then so many replays
 * that no more than `replays` are in flight. Fails with `conflict` when a chain was faster.
 */
export function claimSteps(claim: Claim): Step[] {
  const { lease, now } = claim;
  const chainUntil = new Date(claim.chainUntil);
  return [
    {
      statement: write
        .insert(webhookDrain)
        .values({ singleton: 1, chainUntil, seenAt: new Date(now) })
        .onConflictDoUpdate({
          target: webhookDrain.singleton,
          set: { chainUntil, seenAt: new Date(now) },
          ...(claim.again ? {} : { setWhere: sql`${webhookDrain.chainUntil} <= ${now}` }),
        }),
      expect: 1,
      as: "webhook_drain.chain",
    },
    take(claim, 0, sql`${claim.live}`),
    take(claim, 1, sql`max(0, ${claim.replays} - ${replaysInFlight(now)})`),
    {
      statement: write.insert(webhookAttempts).select(
        sql`SELECT id, attempts, ${lease}, ${now}, NULL, NULL, NULL FROM ${webhookEvents}
          WHERE lease = ${lease}`,
      ),
      expect: "any",
      as: "webhook_attempts.begin",
    },
    {
      // Nothing is left: the chain ends here, and the next doorbell begins another.
      statement: write
        .update(webhookDrain)
        .set({ chainUntil: new Date(0) })
        .where(sql`NOT ${anyDue(now)}`),
      expect: "any",
      as: "webhook_drain.end",
    },
  ];
}

const replaysInFlight = (now: number) => sql`(SELECT count(*) FROM webhook_events AS flying
  WHERE flying.replay = 1 AND flying.due_at > ${now} AND flying.status = 'processing')`;

/**
 * An event that half of its attempts or more have not outlived: it may be what ends its consumers.
 * Those are taken one by one, so that whoever was taken together with it does not die with it.
 */
const SUSPECT = sql.raw("(lease IS NOT NULL AND attempts_left * 2 <= max_attempts)");

/** By the index of leases: they are few, while a flood may be due. */
const firstSuspect = (replay: 0 | 1, now: number) => sql`SELECT id FROM webhook_events
  INDEXED BY webhook_events_lease WHERE lease > '' AND replay = ${replay} AND due_at <= ${now}
  AND ${SUSPECT} ORDER BY due_at, id LIMIT 1`;

function take(
  { lease, now, leaseUntil }: Claim,
  replay: 0 | 1,
  limit: ReturnType<typeof sql>,
): Step {
  return {
    statement: write
      .update(webhookEvents)
      .set({
        status: "processing",
        lease,
        dueAt: new Date(leaseUntil),
        attempts: sql`attempts + 1`,
        attemptsLeft: sql`attempts_left - 1`,
      })
      .where(
        sql`id IN (SELECT id FROM ${webhookEvents} WHERE replay = ${replay} AND due_at <= ${now}
          AND (NOT ${SUSPECT} OR id = (${firstSuspect(replay, now)}))
          ORDER BY due_at, id LIMIT ${limit})`,
      ),
    expect: "any",
    as: replay ? "webhook_events.claim_replays" : "webhook_events.claim",
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
