import { and, desc, eq, gte, lt, type SQL, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import type { ProblemCode } from "../../platform/problems.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { actors } from "../actors/index.ts";
import { events } from "./events.tables.ts";

export type EventRow = typeof events.$inferSelect;

/** What a list may be of, the fewest events first: of several the first leads to an index. */
const SAMENESS = {
  source_id: events.sourceId,
  subject: events.subject,
  actor_id: events.actorId,
  type: events.type,
} as const;

export interface EventFilters extends Partial<Record<keyof typeof SAMENESS, string | undefined>> {
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
  const { from, to } = filters;
  const ofTime = isOfTime(filters);
  return db.read((reader) =>
    reader
      .select()
      .from(events)
      .where(
        and(
          ...same(filters),
          from === undefined ? undefined : gte(events.occurredAt, new Date(from)),
          to === undefined ? undefined : lt(events.occurredAt, new Date(to)),
          after ? goesOn(after, ofTime) : undefined,
        ),
      )
      .orderBy(...(ofTime ? [desc(events.occurredAt), desc(events.id)] : [desc(events.id)]))
      .limit(count),
  );
}

/** A plus keeps SQLite from an index: a type, or an actor, may be that of nearly all events. */
function same(filters: EventFilters): SQL[] {
  const names = Object.keys(SAMENESS) as (keyof typeof SAMENESS)[];
  return names
    .filter((name) => filters[name] !== undefined)
    .map((name, nth) => sql`${nth === 0 ? sql`` : sql`+`}${SAMENESS[name]} = ${filters[name]}`);
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

/** Bytes of rows in one statement: a bound value may have 2 MB. */
const BYTES_PER_STATEMENT = 900_000;

/**
 * Stores events of actors, all or none: in one statement, if they are not very large.
 * @param otherwise what it means that one of the actors is not there, or not active
 */
export function insertActed(rows: readonly EventRow[], otherwise: ProblemCode): Step[] {
  return chunksOf(rows.map(asJson)).flatMap((chunk, nth) => [
    {
      statement: write.insert(events).select(
        sql`SELECT row.value ->> 'id', row.value ->> 'type', row.value ->> 'source',
            row.value ->> 'sourceId', row.value ->> 'subject', row.value ->> 'actorId',
            row.value ->> 'occurredAt', row.value ->> 'recordedAt', row.value -> 'metadata'
          FROM json_each(${`[${chunk.join()}]`}) AS row
          WHERE EXISTS (SELECT 1 FROM ${actors} AS actor
            WHERE actor.id = row.value ->> 'actorId' AND actor.active = 1)`,
      ),
      expect: "any",
      as: `events.insert_acted.${nth}`,
    },
    { require: sql`changes() = ${chunk.length}`, as: `events.acted.${nth}`, otherwise },
  ]);
}

function asJson(row: EventRow): string {
  const { occurredAt, recordedAt } = row;
  return JSON.stringify({ ...row, occurredAt: +occurredAt, recordedAt: +recordedAt });
}

function chunksOf(texts: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const text of texts) {
    const size = new TextEncoder().encode(text).byteLength;
    bytes += size;
    if (bytes > BYTES_PER_STATEMENT) {
      chunks.push([]);
      bytes = size;
    }
    chunks.at(-1)?.push(text);
  }
  return chunks;
}
