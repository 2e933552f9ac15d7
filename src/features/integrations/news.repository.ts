import { type SQL, sql } from "drizzle-orm";
import type { RealmDb, Step } from "../../platform/tenancy/index.ts";
import { signals } from "../signals/index.ts";

/** Something that is wrong, by the dedupe key of its signal. */
export interface Trouble {
  readonly dedupeKey: string;
  /** When it began. */
  readonly occurredAt: Date;
}

/** Whether nobody was told yet: no signal of this key is open, and none was resolved since. */
export const isNews = (key: SQL, beganAt: SQL) =>
  sql`NOT EXISTS (SELECT 1 FROM ${signals} WHERE dedupe_key = ${key} AND resolved_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM ${signals} WHERE dedupe_key = ${key}
      AND resolved_at > ${beganAt})`;

/** Dedupe keys of those troubles of which nobody was told yet. */
export async function findNews(db: RealmDb, troubles: readonly Trouble[]): Promise<string[]> {
  const list = JSON.stringify(
    troubles.map(({ dedupeKey, occurredAt }) => ({ key: dedupeKey, at: occurredAt.getTime() })),
  );
  const rows = await db.read(
    (reader) =>
      reader
        .select({ key: sql<string>`value ->> 'key'` })
        .from(sql`json_each(${list})`)
        .where(isNews(sql`(value ->> 'key')`, sql`(value ->> 'at')`)),
    "primary",
  );
  return rows.map(({ key }) => key);
}

/** Of two visits at once, one tells. */
export function requireNews({ dedupeKey, occurredAt }: Trouble): Step {
  return {
    require: isNews(sql`${dedupeKey}`, sql`${occurredAt.getTime()}`),
    as: "integrations.news",
    otherwise: "conflict",
  };
}
