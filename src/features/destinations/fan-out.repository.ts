import { sql } from "drizzle-orm";
import { newId } from "../../platform/ids.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { MOST_DESTINATIONS } from "./destinations.repository.ts";
import { deliveries, destinations } from "./destinations.tables.ts";

/** An event that is being recorded. */
export interface RecordedEvent {
  readonly id: string;
  readonly type: string;
  readonly recordedAt: Date;
}

/**
 * Queues an event for every enabled destination that wants its type: part of the commit that records
 * it, so that there is no event without its deliveries, and none without its event. A disabled
 * destination gets nothing, then or later.
 */
export function fanOut({ id, type, recordedAt }: RecordedEvent): Step {
  const ids = JSON.stringify(Array.from({ length: MOST_DESTINATIONS }, () => newId("delivery")));
  const at = recordedAt.getTime();
  return {
    statement: write.insert(deliveries).select(
      sql`SELECT ids.value, wanted.id, ${id}, ${type}, NULL, 'pending', 0, 0, 0, ${at}, NULL, NULL,
          NULL, ${at}, NULL
        FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS nth FROM ${destinations}
          WHERE status = 'enabled' AND deleted_at IS NULL AND ${wants(type)}) AS wanted
        JOIN json_each(${ids}) AS ids ON ids.key = wanted.nth`,
    ),
    expect: "any",
    as: "deliveries.fan_out",
  };
}

/** A family ends with an asterisk, before which all must be equal. */
const wants = (type: string) => sql`(event_types IS NULL OR EXISTS (
  SELECT 1 FROM json_each(event_types) AS want WHERE want.value = ${type}
    OR (substr(want.value, -1) = '*'
      AND substr(${type}, 1, length(want.value) - 1) = substr(want.value, 1, length(want.value) - 1))))`;

/** Whether something is sent to `place` at all: not to what is deleted, disabled or left in peace. */
export const isServed = (now: number) => sql`(place.status = 'enabled' AND place.deleted_at IS NULL
  AND coalesce(place.paused_until, 0) <= ${now})`;

/** Whether a delivery is due. There are few destinations, and each is looked up by the index. */
export const anyDue = (now: number) => sql`EXISTS (SELECT 1 FROM ${destinations} AS place
  WHERE ${isServed(now)} AND EXISTS (SELECT 1 FROM ${deliveries} AS waiting
    WHERE waiting.destination_id = place.id AND waiting.due_at <= ${now}))`;

export async function isAnyDue(db: RealmDb, now: number): Promise<boolean> {
  const [row] = await db.read(
    (reader) => reader.select({ due: sql<number>`${anyDue(now)}` }).from(sql`(SELECT 1)`),
    "primary",
  );
  return row?.due === 1;
}
