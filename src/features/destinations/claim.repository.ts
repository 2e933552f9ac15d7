import { eq, type SQL, sql } from "drizzle-orm";
import {
  type ChainClaim,
  type ChainSeen,
  chainColumns,
  endChain,
  findRest,
  type Rest,
  takeChain,
} from "../../platform/jobs/drain-row.ts";
import { type RealmDb, realm, type Step, write } from "../../platform/tenancy/index.ts";
import {
  deliveries,
  deliveryAttempts,
  deliveryDrain,
  destinations,
} from "./destinations.tables.ts";
import { anyDue, isServed } from "./fan-out.repository.ts";
import { anyStranded } from "./stranded.repository.ts";

/** A lease that follows lost ones is longer, in ms, doubled up to so many times. */
const LOST_MS = 60_000;
const MOST_DOUBLED = 4;

/** What a consumer finds before it touches anything. */
export interface Glance extends ChainSeen {
  /** Suspended tenants' deliveries are held. */
  readonly open: boolean;
  readonly due: boolean;
  /** Whether something waits for a destination that is disabled. */
  readonly stranded: boolean;
}

/** One look, without a write: most doorbells find nothing to do. */
export async function glance(db: RealmDb, now: number): Promise<Glance> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          open: sql<number>`${realm.status} = 'active'`,
          due: sql<number>`${anyDue(now)}`,
          stranded: sql<number>`${anyStranded(now)}`,
          ...chainColumns(deliveryDrain),
        })
        .from(realm),
    "primary",
  );
  if (!row) throw new Error(`The database of ${db.realmId} has no realm.`);
  const { open, due, stranded } = row;
  return { ...row, open: open === 1, due: due === 1, stranded: stranded === 1 };
}

/**
 * Takes what is due, at most so many: of each destination in turn, so that one with a flood of them
 * does not stand before the others; of one, the longest due first.
 */
export function claimSteps(claim: ChainClaim & { readonly most: number }): Step[] {
  const { lease, now, leaseUntil, most } = claim;
  const firstOfEach = sql`SELECT waiting.id, waiting.due_at,
      row_number() OVER (PARTITION BY place.id ORDER BY waiting.due_at, waiting.id) AS turn
    FROM ${destinations} AS place JOIN ${deliveries} AS waiting ON waiting.rowid IN (
      SELECT rowid FROM deliveries WHERE destination_id = place.id AND due_at <= ${now}
      ORDER BY due_at LIMIT ${most})
    WHERE ${isServed(now)}`;
  return [
    takeChain(deliveryDrain, claim, firstRetry(now)),
    {
      statement: write
        .update(deliveries)
        .set({
          status: "sending",
          lease,
          attempts: sql`attempts + 1`,
          leases: sql`leases + 1`,
          // Where it is a fault of ours that loses them, it gets time to pass.
          dueAt: sql`${leaseUntil} + ${LOST_MS} * ((1 << min(leases, ${MOST_DOUBLED})) - 1)`,
        })
        .where(
          sql`${deliveries.id} IN (SELECT id FROM (${firstOfEach})
            ORDER BY turn, due_at, id LIMIT ${most})`,
        ),
      expect: "any",
      as: "deliveries.claim",
    },
    {
      statement: write.insert(deliveryAttempts).select(
        sql`SELECT id, attempts, ${lease}, ${now}, NULL, NULL, NULL, NULL, NULL, NULL
          FROM ${deliveries} WHERE lease = ${lease}`,
      ),
      expect: "any",
      as: "delivery_attempts.begin",
    },
    endChain(deliveryDrain, anyDue(now)),
  ];
}

/**
 * When there is something to do next. By the index, past all that is due: a flood is not read through
 * for it. What waits for a destination that is left in peace is due when that ends.
 */
const firstRetry = (now: number) => sql`(SELECT min(next.due_at) FROM (
  SELECT CASE WHEN place.paused_until > ${now}
    THEN max(place.paused_until, (${firstPending(sql`0`)}))
    ELSE (${firstPending(sql`${now}`)}) END AS due_at
  FROM ${destinations} AS place
  WHERE place.status = 'enabled' AND place.deleted_at IS NULL) AS next)`;

const firstPending = (after: SQL) => sql`SELECT due_at FROM ${deliveries}
  WHERE destination_id = place.id AND due_at > ${after} AND status = 'pending'
  ORDER BY due_at LIMIT 1`;

/**
 * What a lease holds, of each destination in turn; within a turn in no order, so that none is always
 * the last. Where it goes is looked up when it goes.
 */
export function claimedBy(db: RealmDb, lease: string): Promise<Claimed[]> {
  const { id, destinationId } = deliveries;
  const turn = sql`row_number() OVER (PARTITION BY ${destinationId} ORDER BY ${id})`;
  return db.read(
    (reader) =>
      reader
        .select()
        .from(deliveries)
        .where(eq(deliveries.lease, lease))
        .orderBy(turn, sql`random()`),
    "primary",
  );
}

/** A delivery that a consumer has taken. */
export type Claimed = typeof deliveries.$inferSelect;

export const findDeliveryRest = (db: RealmDb): Promise<Rest> => findRest(db, deliveryDrain);
