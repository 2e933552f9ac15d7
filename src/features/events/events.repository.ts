import { and, desc, eq, gte, lt, type SQL, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { events } from "./events.tables.ts";

export type EventRow = typeof events.$inferSelect;

export interface EventFilters {
  readonly type?: string | undefined;
  readonly subject?: string | undefined;
  readonly source_id?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Whether the list is one of a time: it goes by when things happened then, and so does its index. */
const isOfTime = ({ from, to }: EventFilters) => from !== undefined || to !== undefined;

/** Where such a list goes on after an event. */
export function keysetFor(filters: EventFilters): (row: EventRow) => Keyset {
  return isOfTime(filters) ? ({ occurredAt, id }) => [occurredAt.getTime(), id] : ({ id }) => [id];
}

/** Events, the newest recorded first; those of a time, what happened last first. */
export function listEvents(
  db: RealmDb,
  filters: EventFilters,
  after: Keyset | null,
  count: number,
): Promise<EventRow[]> {
  const { type, subject, source_id, from, to } = filters;
  const ofTime = isOfTime(filters);
  return db.read((reader) =>
    reader
      .select()
      .from(events)
      .where(
        and(
          type === undefined ? undefined : ofType(type, ofTime),
          subject === undefined ? undefined : eq(events.subject, subject),
          source_id === undefined ? undefined : eq(events.sourceId, source_id),
          from === undefined ? undefined : gte(events.occurredAt, new Date(from)),
          to === undefined ? undefined : lt(events.occurredAt, new Date(to)),
          after ? goesOn(after, ofTime) : undefined,
        ),
      )
      .orderBy(...(ofTime ? [desc(events.occurredAt), desc(events.id)] : [desc(events.id)]))
      .limit(count),
  );
}

/** A type may be that of nearly all events: its index is no help in a list of a time. */
function ofType(type: string, ofTime: boolean): SQL {
  return ofTime ? sql`+${events.type} = ${type}` : eq(events.type, type);
}

function goesOn([first, second]: Keyset, ofTime: boolean): SQL {
  return ofTime ? sql`(occurred_at, id) < (${first}, ${second})` : lt(events.id, String(first));
}

export async function findEvent(
  db: RealmDb,
  id: string,
  from?: "primary",
): Promise<EventRow | undefined> {
  const [row] = await db.read(
    (reader) => reader.select().from(events).where(eq(events.id, id)),
    from,
  );
  return row;
}

/** Whether this source has told of such an event about this subject. */
export async function hasEvent(
  db: RealmDb,
  about: Pick<EventRow, "source" | "subject" | "type">,
): Promise<boolean> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ found: sql<number>`1` })
        .from(events)
        .where(
          and(
            eq(events.source, about.source),
            eq(events.subject, about.subject ?? ""),
            eq(events.type, about.type),
          ),
        )
        .limit(1),
    "primary",
  );
  return rows.length > 0;
}

export function insertEvent(row: EventRow): Step {
  return { statement: write.insert(events).values(row), expect: 1, as: "events.insert" };
}
