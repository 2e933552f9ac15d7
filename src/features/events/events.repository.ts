import { and, desc, eq, gte, lt, sql } from "drizzle-orm";
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

/** Events, the newest recorded first. */
export function listEvents(
  db: RealmDb,
  filters: EventFilters,
  after: Keyset | null,
  count: number,
): Promise<EventRow[]> {
  const { type, subject, source_id, from, to } = filters;
  return db.read((reader) =>
    reader
      .select()
      .from(events)
      .where(
        and(
          type === undefined ? undefined : eq(events.type, type),
          subject === undefined ? undefined : eq(events.subject, subject),
          source_id === undefined ? undefined : eq(events.sourceId, source_id),
          from === undefined ? undefined : gte(events.occurredAt, new Date(from)),
          to === undefined ? undefined : lt(events.occurredAt, new Date(to)),
          after ? lt(events.id, String(after[0])) : undefined,
        ),
      )
      .orderBy(desc(events.id))
      .limit(count),
  );
}

export async function findEvent(db: RealmDb, id: string): Promise<EventRow | undefined> {
  const [row] = await db.read((reader) => reader.select().from(events).where(eq(events.id, id)));
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
