import { type SQL, sql } from "drizzle-orm";
import { newId } from "../../platform/ids.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { deliveries, destinations } from "./destinations.tables.ts";

/** An event that is being recorded. */
export interface RecordedEvent {
  readonly id: string;
  readonly type: string;
  readonly recordedAt: Date;
}

/**
 * Queues events for every enabled destination that wants their type: part of the commit that records
 * them, so that there is no event without its deliveries, and none without its event. A disabled
 * destination gets nothing, then or later.
 * @param recorded whether there are such events, where only the database knows that
 */
export function fanOut(events: readonly RecordedEvent[], recorded: SQL = sql`1`): Step {
  const queued = events.map(({ id, type, recordedAt }) => ({
    id,
    type,
    at: recordedAt.getTime(),
    // Its last digits are the destination's: there are fewer than a hundred.
    delivery: newId("delivery").slice(0, -2),
  }));
  return {
    statement: write.insert(deliveries).select(
      sql`SELECT (event.value ->> 'delivery') || format('%02d', place.nth),
          place.id, event.value ->> 'id', event.value ->> 'type', NULL, 'pending', 0, 0, 0,
          event.value ->> 'at', NULL, NULL, NULL, event.value ->> 'at', NULL
        FROM (SELECT id, event_types, row_number() OVER (ORDER BY id) - 1 AS nth
          FROM ${destinations} WHERE status = 'enabled' AND deleted_at IS NULL) AS place
        CROSS JOIN json_each(${JSON.stringify(queued)}) AS event
        WHERE ${wants(sql`(event.value ->> 'type')`)} AND ${recorded}`,
    ),
    expect: "any",
    as: "deliveries.fan_out",
  };
}

/** A family ends with an asterisk, before which all must be equal. */
const wants = (type: SQL) => sql`(place.event_types IS NULL OR EXISTS (
  SELECT 1 FROM json_each(place.event_types) AS want WHERE want.value = ${type}
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
