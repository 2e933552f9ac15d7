import { type SQL, sql } from "drizzle-orm";
import { countEvents } from "../../platform/quotas/usage.ts";
import { type Step, write } from "../../platform/tenancy/index.ts";
import { fanOut } from "../destinations/index.ts";
import { events } from "./events.tables.ts";

/** An event about what the database finds in the commit that records it. */
export interface FoundEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly at: Date;
  /** A select of at most one row: `subject`, which is the source's id too, and `metadata`, JSON. */
  readonly found: SQL;
}

/** Records the event and queues it for its destinations, if something is found. */
export function recordIfFound({ id, type, source, at, found }: FoundEvent): Step[] {
  const time = at.getTime();
  const isThere = sql`EXISTS (SELECT 1 FROM ${events} WHERE ${events.id} = ${id})`;
  return [
    {
      statement: write.insert(events).select(
        sql`SELECT ${id}, ${type}, ${source}, subject, subject, NULL, ${time}, ${time}, metadata
          FROM (${found})`,
      ),
      expect: "any",
      as: insertionOf(id),
    },
    fanOut([{ id, type, recordedAt: at }], isThere),
    countEvents(1, at, isThere),
  ];
}

/** The step that tells whether the event was recorded. */
export function insertionOf(id: string): string {
  return `events.insert_found.${id}`;
}
