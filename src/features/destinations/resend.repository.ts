import { and, asc, count, eq, inArray, ne, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { chosen, type DeliveryFilters } from "./deliveries.repository.ts";
import { deliveries, destinations } from "./destinations.tables.ts";

/** How many deliveries there are. */
export async function countDeliveries(
  db: RealmDb,
  destinationId: string,
  filters: DeliveryFilters,
): Promise<number> {
  const [row] = await db.read(
    (reader) =>
      reader.select({ all: count() }).from(deliveries).where(chosen(destinationId, filters)),
    "primary",
  );
  return row?.all ?? 0;
}

/** Ids of deliveries, the oldest first. */
export async function findDeliveries(
  db: RealmDb,
  destinationId: string,
  filters: DeliveryFilters,
  most: number,
): Promise<string[]> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ id: deliveries.id })
        .from(deliveries)
        .where(chosen(destinationId, filters))
        .orderBy(asc(deliveries.id))
        .limit(most),
    "primary",
  );
  return rows.map(({ id }) => id);
}

/** Nothing is sent to a destination that is disabled: the commit fails with `delivery-state`. */
export function requireEnabled(destinationId: string): Step {
  return {
    require: sql`EXISTS (SELECT 1 FROM ${destinations} WHERE id = ${destinationId}
      AND status = 'enabled')`,
    as: "destinations.enabled",
    otherwise: "delivery-state",
  };
}

/** Makes one delivery due again, unless it is being sent. */
export function resendOne(id: string, at: Date): Step {
  return {
    statement: write
      .update(deliveries)
      .set(again(at))
      .where(and(eq(deliveries.id, id), ne(deliveries.status, "sending"))),
    expect: 1,
    as: "deliveries.resend",
    otherwise: "delivery-state",
  };
}

/** Makes these deliveries due again; all of them, or none and `conflict`. */
export function resendMany(ids: readonly string[], at: Date): Step[] {
  return [
    {
      statement: write
        .update(deliveries)
        .set(again(at))
        .where(
          and(
            sql`${deliveries.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
            inArray(sql`+${deliveries.status}`, ["failed", "delivered"]),
          ),
        ),
      expect: "any",
      as: "deliveries.resend_many",
    },
    {
      require: sql`changes() = ${ids.length}`,
      as: "deliveries.resent_all",
      otherwise: "conflict",
    },
  ];
}

function again(at: Date) {
  return { status: "pending", tries: 0, leases: 0, dueAt: at, endedAt: null } as const;
}
