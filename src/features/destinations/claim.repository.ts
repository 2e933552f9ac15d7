import { asc, eq, sql } from "drizzle-orm";
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
  type DestinationRow,
  readSecrets,
  SECRETS,
  type SecretRow,
} from "./destinations.repository.ts";
import {
  deliveries,
  deliveryAttempts,
  deliveryDrain,
  destinations,
} from "./destinations.tables.ts";
import { anyDue } from "./fan-out.repository.ts";

/** What a consumer finds before it touches anything. */
export interface Glance extends ChainSeen {
  /** Suspended tenants' deliveries are held. */
  readonly open: boolean;
  readonly due: boolean;
}

/** One look, without a write: most doorbells find nothing to do. */
export async function glance(db: RealmDb, now: number): Promise<Glance> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          open: sql<number>`${realm.status} = 'active'`,
          due: sql<number>`${anyDue(now)}`,
          ...chainColumns(deliveryDrain),
        })
        .from(realm),
    "primary",
  );
  if (!row) throw new Error(`The database of ${db.realmId} has no realm.`);
  return { ...row, open: row.open === 1, due: row.due === 1 };
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
    WHERE place.deleted_at IS NULL`;
  return [
    takeChain(deliveryDrain, claim, firstRetry(now)),
    {
      statement: write
        .update(deliveries)
        .set({
          status: "sending",
          lease,
          attempts: sql`attempts + 1`,
          tries: sql`tries + 1`,
          dueAt: new Date(leaseUntil),
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

/** By the index, past all that is due: a flood is not read through for it. */
const firstRetry = (now: number) => sql`(SELECT min(next.due_at) FROM (
  SELECT (SELECT due_at FROM ${deliveries} WHERE destination_id = place.id AND due_at > ${now}
    AND status = 'pending' ORDER BY due_at LIMIT 1) AS due_at
  FROM ${destinations} AS place WHERE place.deleted_at IS NULL) AS next)`;

/** A delivery that a consumer has taken, with where it goes. */
export interface Claimed {
  readonly delivery: typeof deliveries.$inferSelect;
  readonly destination: DestinationRow;
  readonly secrets: readonly SecretRow[];
}

/** What a lease holds. */
export async function claimedBy(db: RealmDb, lease: string): Promise<Claimed[]> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ delivery: deliveries, destination: destinations, secrets: SECRETS })
        .from(deliveries)
        .innerJoin(destinations, eq(destinations.id, deliveries.destinationId))
        .where(eq(deliveries.lease, lease))
        .orderBy(asc(deliveries.id)),
    "primary",
  );
  return rows.map(({ delivery, destination, secrets }) => ({
    delivery,
    destination,
    secrets: readSecrets(destination.id, secrets),
  }));
}

export const findDeliveryRest = (db: RealmDb): Promise<Rest> => findRest(db, deliveryDrain);
