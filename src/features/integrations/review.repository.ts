import { sql } from "drizzle-orm";
import type { RealmDb, Step } from "../../platform/tenancy/index.ts";
import { signals } from "../signals/index.ts";
import { DEAD_LETTERS, type DeadLetter, webhookEvents } from "../webhooks/index.ts";
import { isNews } from "./news.repository.ts";

/** Dead letters that stand, as they are told and as they are. */
export interface Review {
  /** The newest dead letter of each service of which nobody was told. */
  readonly missed: readonly DeadLetter[];
  /** Dedupe keys of signals whose service has no dead letters any more. */
  readonly over: readonly string[];
}

/** By their own index: the planner would read those of all services. */
const DEAD = sql`FROM ${webhookEvents} INDEXED BY webhook_events_dead WHERE status = 'dead_letter'`;

/** Services that have dead letters, one look at the index for each, however many there are. */
const SERVICES = sql`WITH RECURSIVE dead(service) AS (
    SELECT min(service) ${DEAD}
    UNION ALL
    SELECT (SELECT min(service) ${DEAD} AND service > dead.service) FROM dead
    WHERE dead.service IS NOT NULL)`;

/** A service's newest dead letter that was buried: what is not will raise its signal when it is. */
const NEWEST = sql`(SELECT id ${DEAD} AND service = dead.service AND buried_at IS NOT NULL
  ORDER BY buried_at DESC LIMIT 1)`;

/** One look at the dead letters of all services; of those that nobody was told of, at so many. */
export async function reviewDead(db: RealmDb, most: number): Promise<Review> {
  const news = isNews(sql`${DEAD_LETTERS.key} || dead.service`, sql`event.ended_at`);
  const shown = sql`json_object('id', event.id, 'service', event.service, 'type', event.type,
    'attempts', event.attempts, 'lastError', event.last_error, 'endedAt', event.ended_at) AS shown`;
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          missed: sql<string>`(SELECT json_group_array(json(shown)) FROM (
            ${SERVICES} SELECT ${shown} FROM dead JOIN ${webhookEvents} AS event ON event.id = ${NEWEST}
            WHERE ${news} LIMIT ${most}))`,
          over: sql<string>`(SELECT json_group_array(dedupe_key) FROM ${signals} AS told
            WHERE kind = ${DEAD_LETTERS.kind} AND resolved_at IS NULL
              AND NOT EXISTS (${deadOf(sql`told.dedupe_key`)}))`,
        })
        .from(sql`(SELECT 1)`),
    "primary",
  );
  if (!row) throw new Error("A select without a table has one row.");
  const missed = JSON.parse(row.missed) as (Omit<DeadLetter, "endedAt"> & { endedAt: number })[];
  return {
    missed: missed.map((dead) => ({ ...dead, endedAt: new Date(dead.endedAt) })),
    over: JSON.parse(row.over) as string[],
  };
}

/** Fails with `conflict` when another event of the service died meanwhile. */
export function requireNoneDead(dedupeKey: string): Step {
  return {
    require: sql`NOT EXISTS (${deadOf(sql`${dedupeKey}`)})`,
    as: "integrations.none_dead",
    otherwise: "conflict",
  };
}

const deadOf = (dedupeKey: ReturnType<typeof sql>) =>
  sql`SELECT 1 ${DEAD} AND service = substr(${dedupeKey}, ${DEAD_LETTERS.key.length + 1})`;
