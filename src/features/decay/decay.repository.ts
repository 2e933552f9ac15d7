import { sql } from "drizzle-orm";
import type { RealmDb } from "../../platform/tenancy/index.ts";
import { actors } from "../actors/index.ts";
import { events } from "../events/index.ts";
import { openOf } from "../signals/index.ts";
import type { Week } from "./decay.ts";

/** A stretch of time, with its beginning and without its end. */
export interface Span {
  readonly from: Date;
  readonly to: Date;
}

/** What counts as work of support. */
const REPLY = "ticket_reply";
/** Larger numbers, and those below 0, are no measurements. Sums of these stay whole numbers to SQLite. */
const LARGEST = 100_000_000;

/** Whether there were replies, whoever wrote them: one look into an index. */
export async function hasReplies(db: RealmDb, { from, to }: Span): Promise<boolean> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ found: sql<number>`1` })
        .from(sql`${events} INDEXED BY events_type_time`)
        .where(
          sql`type = ${REPLY} AND occurred_at >= ${from.getTime()} AND occurred_at < ${to.getTime()}`,
        )
        .limit(1),
    "primary",
  );
  return rows.length > 0;
}

/**
 * What support's replies of two weeks come to, and whether a signal of this key is open: one
 * statement, which reads the events of these weeks and no others.
 */
export async function sumUpWeeks(
  db: RealmDb,
  spans: { readonly before: Span; readonly recent: Span },
  dedupeKey: string,
): Promise<{ readonly before: Week; readonly recent: Week; readonly isOpen: boolean }> {
  const weeks = sql`(${sumUp("before", spans.before)} UNION ALL ${sumUp("recent", spans.recent)})`;
  const rows = await db.read(
    (reader) =>
      reader
        .select({
          week: sql<string>`week`,
          replies: sql<number>`replies`,
          actors: sql<number>`people`,
          times: sql<number>`times`,
          timeSum: sql<string>`time_sum`,
          lengths: sql<number>`lengths`,
          lengthSum: sql<string>`length_sum`,
          isOpen: sql<number>`EXISTS (${openOf(dedupeKey)})`,
        })
        .from(weeks),
    "primary",
  );
  const of = (wanted: string): Week => {
    const row = rows.find(({ week }) => week === wanted);
    if (!row) throw new Error(`The week ${wanted} is missing.`);
    return {
      replies: row.replies,
      actors: row.actors,
      responseTime: { count: row.times, sum: BigInt(row.timeSum) },
      messageLength: { count: row.lengths, sum: BigInt(row.lengthSum) },
    };
  };
  return { before: of("before"), recent: of("recent"), isOpen: rows.some(({ isOpen }) => isOpen) };
}

/** Sums are text: as a number of JavaScript's a large one would lose its last digits. */
const sumUp = (week: string, { from, to }: Span) => sql`
  SELECT ${week} AS week, count(*) AS replies, count(DISTINCT actor_id) AS people,
    count(time) AS times, CAST(ifnull(sum(time), 0) AS TEXT) AS time_sum,
    count(length) AS lengths, CAST(ifnull(sum(length), 0) AS TEXT) AS length_sum
  FROM (
    SELECT actor_id, ${thousandths("response_time_sec")} AS time,
      ${thousandths("message_length")} AS length
    FROM ${events} INDEXED BY events_type_time
    WHERE type = ${REPLY} AND occurred_at >= ${from.getTime()} AND occurred_at < ${to.getTime()}
      AND +actor_id IN (SELECT id FROM ${actors} WHERE type = 'support'))`;

/** A number of the metadata in thousandths; null where it is none. */
function thousandths(member: string) {
  const path = sql.raw(`'$.${member}'`);
  const value = sql`json_extract(metadata, ${path})`;
  return sql`CASE WHEN json_type(metadata, ${path}) IN ('integer', 'real')
    AND ${value} BETWEEN 0 AND ${sql.raw(String(LARGEST))}
    THEN CAST(round(${value} * 1000) AS INTEGER) END`;
}
