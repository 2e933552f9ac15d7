import { and, desc, eq, gte, lt, type SQL, sql } from "drizzle-orm";
import { idFrom } from "../../platform/ids.ts";
import type { Keyset } from "../../platform/pagination.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import {
  type DeliveryState,
  deliveries,
  deliveryAttempts,
  destinations,
} from "./destinations.tables.ts";

export type { DeliveryState };
export type DeliveryRow = typeof deliveries.$inferSelect;
export type AttemptRow = Omit<typeof deliveryAttempts.$inferSelect, "deliveryId">;

export interface DeliveryFilters {
  readonly status?: DeliveryState | undefined;
  readonly event_type?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** A destination's deliveries, the newest first. */
export function listDeliveries(
  db: RealmDb,
  destinationId: string,
  filters: DeliveryFilters,
  after: Keyset | null,
  most: number,
): Promise<DeliveryRow[]> {
  return db.read((reader) =>
    reader
      .select()
      .from(deliveries)
      .where(
        and(
          chosen(destinationId, filters),
          after ? lt(deliveries.id, String(after[0])) : undefined,
        ),
      )
      .orderBy(desc(deliveries.id))
      .limit(most),
  );
}

/** Deliveries of a destination that fit, by an index whatever is asked for. */
export function chosen(
  destinationId: string,
  { status, event_type, from, to }: DeliveryFilters,
): SQL | undefined {
  return and(
    eq(deliveries.destinationId, destinationId),
    isKept(destinationId),
    status === undefined ? undefined : eq(deliveries.status, status),
    event_type === undefined ? undefined : ofType(event_type, status),
    createdWithin(from, to),
  );
}

/** What a deleted destination has left behind is nobody's. */
const isKept = (destinationId: string) => sql`EXISTS (SELECT 1 FROM ${destinations}
  WHERE ${destinations.id} = ${destinationId} AND deleted_at IS NULL)`;

/** What was delivered may be nearly all; of the other states there are few, so their index leads. */
function ofType(type: string, status: DeliveryState | undefined): SQL {
  const few = status !== undefined && status !== "delivered";
  return few ? sql`+${deliveries.type} = ${type}` : eq(deliveries.type, type);
}

/** How far the clock that made an id and the one that noted the time may differ, in ms. */
const ID_SKEW_MS = 60_000;

/** An id begins with its time, and all indexes of lists go on with the id. */
function createdWithin(from: string | undefined, to: string | undefined): SQL | undefined {
  const { id, createdAt } = deliveries;
  const [since, until] = [from, to].map((time) => (time === undefined ? null : new Date(time)));
  const idAt = (time: Date, skew: number) => idFrom("delivery", new Date(time.getTime() + skew));
  return and(
    since ? and(gte(createdAt, since), gte(id, idAt(since, -ID_SKEW_MS))) : undefined,
    until ? and(lt(createdAt, until), lt(id, idAt(until, ID_SKEW_MS))) : undefined,
  );
}

/** A delivery with its attempts, the first one first: one trip. */
export async function findDelivery(
  db: RealmDb,
  destinationId: string,
  id: string,
  from?: "primary",
): Promise<{ delivery: DeliveryRow; attempts: AttemptRow[] } | undefined> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({ delivery: deliveries, attempts: ATTEMPTS })
        .from(deliveries)
        .where(
          and(
            eq(deliveries.id, id),
            eq(deliveries.destinationId, destinationId),
            isKept(destinationId),
          ),
        ),
    from,
  );
  return row && { ...row, attempts: readAttempts(row.attempts) };
}

const ATTEMPTS = sql<string>`(SELECT json_group_array(json_array(number, lease, started_at, ended_at,
    outcome, response_status, duration_ms, error, response_text))
  FROM (SELECT * FROM ${deliveryAttempts} WHERE delivery_id = "deliveries"."id" ORDER BY number))`;

type AttemptTuple = [
  number: number,
  lease: string,
  startedAt: number,
  endedAt: number | null,
  outcome: AttemptRow["outcome"],
  responseStatus: number | null,
  durationMs: number | null,
  error: string | null,
  responseText: string | null,
];

function readAttempts(json: string): AttemptRow[] {
  return (JSON.parse(json) as AttemptTuple[]).map(
    ([number, lease, startedAt, endedAt, outcome, responseStatus, durationMs, error, text]) => ({
      number,
      lease,
      startedAt: new Date(startedAt),
      endedAt: endedAt === null ? null : new Date(endedAt),
      outcome,
      responseStatus,
      durationMs,
      error,
      responseText: text,
    }),
  );
}

export function insertDelivery(row: DeliveryRow): Step {
  return { statement: write.insert(deliveries).values(row), expect: 1, as: "deliveries.insert" };
}
