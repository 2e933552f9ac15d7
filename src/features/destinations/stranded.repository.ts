import { type SQL, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { deliveries, destinations } from "./destinations.tables.ts";

/** What one commit ends, in rows: it must stay far below D1's 30 seconds. */
const CHUNK = 5_000;

/** What is said of deliveries that waited when their destination was disabled. */
export const WAS_DISABLED = "The destination was disabled.";

/** What waits for `place`, and what somebody took there and did not return. */
const waitingAt = (now: number) => sql`${deliveries} AS waiting
  WHERE waiting.destination_id = place.id AND waiting.status IN ('pending', 'sending')
    AND (waiting.status = 'pending' OR waiting.due_at <= ${now})`;

/** Deleted ones' deliveries are nobody's, and retention drops them. */
const IS_DISABLED = sql`place.status = 'disabled' AND place.deleted_at IS NULL`;

/** Whether something waits for a destination that is disabled. */
export const anyStranded = (now: number): SQL => sql`EXISTS (SELECT 1 FROM ${destinations} AS place
  WHERE ${IS_DISABLED} AND EXISTS (SELECT 1 FROM ${waitingAt(now)}))`;

export async function isAnyStranded(db: RealmDb, now: number): Promise<boolean> {
  const [row] = await db.read(
    (reader) => reader.select({ any: sql<number>`${anyStranded(now)}` }).from(sql`(SELECT 1)`),
    "primary",
  );
  return row?.any === 1;
}

/** Name of the step that ends what waits for destinations that are disabled by then. */
export const END_STRANDED = "deliveries.end_stranded";

/**
 * Ends what waits for disabled destinations, at most so many rows that a commit bears it; the job
 * goes on with the rest. What is being sent ends by itself.
 * @param destinationId of this one only
 */
export function endStranded(at: Date, destinationId?: string): Step {
  const only = destinationId === undefined ? sql`` : sql`AND place.id = ${destinationId}`;
  return {
    statement: write
      .update(deliveries)
      .set({ status: "failed", lease: null, dueAt: null, lastError: WAS_DISABLED, endedAt: at })
      .where(
        sql`${deliveries.id} IN (SELECT waiting.id FROM ${destinations} AS place
          CROSS JOIN ${waitingAt(at.getTime())} AND ${IS_DISABLED} ${only} LIMIT ${CHUNK})`,
      ),
    expect: "any",
    as: END_STRANDED,
  };
}

/** Nothing may wait any more: otherwise the commit fails with `conflict`. */
export function requireNoneWaiting(destinationId: string): Step {
  return {
    require: sql`NOT EXISTS (SELECT 1 FROM ${deliveries}
      WHERE destination_id = ${destinationId} AND status = 'pending')`,
    as: "deliveries.none_waiting",
    otherwise: "conflict",
  };
}
