import { asc, eq, sql } from "drizzle-orm";
import {
  type ChainSeen,
  chainColumns,
  findRest,
  noteSeen,
  type Rest,
} from "../../platform/jobs/drain-row.ts";
import { type RealmDb, realm, type Step } from "../../platform/tenancy/index.ts";
import { anyDue, LOST_SINCE } from "./claim.repository.ts";
import { anyUnburied } from "./dead-letters.repository.ts";
import { webhookDrain, webhookEvents, webhookPayloads } from "./webhooks.tables.ts";

/** Payloads up to this size come with their events in one trip; larger ones alone, in bytes. */
const SMALL_BYTES = 65_536;

/** What a consumer finds before it touches anything. */
export interface Glance extends ChainSeen {
  /** Suspended tenants' events are held. */
  readonly open: boolean;
  readonly due: boolean;
  /** When a consumer was last here; 0 where none was. */
  readonly seenAt: number;
  /** Whether there are dead letters of which the queue should be told again. */
  readonly unburied: boolean;
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
          seenAt: sql<number>`coalesce((SELECT seen_at FROM ${webhookDrain}), 0)`,
          ...chainColumns(webhookDrain),
        })
        .from(realm),
    "primary",
  );
  if (!row) throw new Error(`The database of ${db.realmId} has no realm.`);
  const { open, due, unburied } = row;
  return { ...row, open: open === 1, due: due === 1, unburied: unburied === 1 };
}

export const noteDrainSeen = (now: number): Step => noteSeen(webhookDrain, now);

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

export const findDrainRest = (db: RealmDb): Promise<Rest> => findRest(db, webhookDrain);

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
