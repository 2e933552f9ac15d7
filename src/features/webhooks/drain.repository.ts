import { asc, eq, sql } from "drizzle-orm";
import { type RealmDb, realm, type Step, write } from "../../platform/tenancy/index.ts";
import { anyDue, LOST_SINCE } from "./claim.repository.ts";
import { anyUnburied } from "./dead-letters.repository.ts";
import { webhookDrain, webhookEvents, webhookPayloads } from "./webhooks.tables.ts";

/** Payloads up to this size come with their events in one trip; larger ones alone, in bytes. */
const SMALL_BYTES = 65_536;

/** What a consumer finds before it touches anything. */
export interface Glance {
  /** Suspended tenants' events are held. */
  readonly open: boolean;
  readonly due: boolean;
  /** Whether there are dead letters of which the queue should be told again. */
  readonly unburied: boolean;
  /** Token of the chain of doorbells, and until when it is trusted; null and 0 without one. */
  readonly chain: string | null;
  readonly chainUntil: number;
  /** The latest bell for a failed event that is known to be under way, by its time. */
  readonly retryRungFor: number | null;
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
          chain: sql<string | null>`(SELECT chain FROM ${webhookDrain})`,
          retryRungFor: sql<number | null>`(SELECT retry_rung_for FROM ${webhookDrain})`,
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

/**
 * What a lease holds, in the order in which it is worked on: what lost leases last, since whoever
 * works on it may end with it, and otherwise live events first.
 */
export async function claimedBy(db: RealmDb, lease: string) {
  // All but the one that has begun.
  const lost = sql<number>`${LOST_SINCE} - 1`;
  const rows = await db.read(
    (reader) =>
      reader
        .select({
          event: webhookEvents,
          lost,
          kind: webhookPayloads.kind,
          text: sql<string | null>`CASE WHEN ${webhookEvents.size} <= ${SMALL_BYTES}
            THEN ${webhookPayloads.text} END`,
        })
        .from(webhookEvents)
        .leftJoin(webhookPayloads, eq(webhookPayloads.eventId, webhookEvents.id))
        .where(eq(webhookEvents.lease, lease))
        .orderBy(
          asc(lost),
          asc(webhookEvents.replay),
          asc(webhookEvents.receivedAt),
          asc(webhookEvents.id),
        ),
    "primary",
  );
  return rows;
}

/** What a consumer leaves to others. */
export interface Rest {
  /** Token of the chain that goes on; null where nothing was left when it took what is due. */
  readonly chain: string | null;
  /** For when a doorbell is to ring for failed events. */
  readonly retryRungFor: number | null;
}

export async function findRest(db: RealmDb): Promise<Rest> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({ chain: webhookDrain.chain, retryRungFor: webhookDrain.retryRungFor })
        .from(webhookDrain),
    "primary",
  );
  return { chain: row?.chain ?? null, retryRungFor: row?.retryRungFor?.getTime() ?? null };
}

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
