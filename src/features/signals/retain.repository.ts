import { sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { signalChanges, signals } from "./signals.tables.ts";

/** Ids of signals that nobody needs any more, at most so many. */
export async function findOld(db: RealmDb, before: Date, most: number): Promise<string[]> {
  const old = kinds(before).map((kind) => sql`SELECT id FROM (${kind} LIMIT ${most})`);
  const rows = await db.read(
    (reader) =>
      reader
        .select({ id: sql<string>`id` })
        .from(sql`(${sql.join(old, sql` UNION ALL `)})`)
        .limit(most),
    "primary",
  );
  return rows.map(({ id }) => id);
}

/**
 * What was resolved before this time; and what is only low, such as a metric's readings, and has not
 * been seen since: nobody resolves those.
 */
const kinds = (before: Date) => [
  sql`SELECT id FROM ${signals} INDEXED BY signals_resolved WHERE resolved_at < ${before.getTime()}`,
  sql`SELECT id FROM ${signals} INDEXED BY signals_unseen
    WHERE resolved_at IS NULL AND severity = 'low' AND last_seen_at < ${before.getTime()}`,
];

/** Forgets these signals and their changes; one that was seen anew meanwhile is spared. */
export function forgetSignals(ids: readonly string[], before: Date): Step[] {
  const old = sql`SELECT id FROM ${signals}
    WHERE id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))
      AND (resolved_at < ${before.getTime()}
        OR (resolved_at IS NULL AND severity = 'low' AND last_seen_at < ${before.getTime()}))`;
  return [
    {
      statement: write.delete(signalChanges).where(sql`signal_id IN (${old})`),
      expect: "any",
      as: "signal_changes.forget",
    },
    {
      statement: write.delete(signals).where(sql`id IN (${old})`),
      expect: "any",
      as: "signals.forget",
    },
  ];
}
