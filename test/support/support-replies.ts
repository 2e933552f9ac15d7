/** Replies of a tenant's support, put into its database as if they had been recorded. */
import { newId } from "../../src/platform/ids.ts";

export interface HappenedEvent {
  readonly type: string;
  readonly actorId: string | null;
  /** In ms. */
  readonly at: number;
  readonly metadata: Record<string, unknown>;
}

/** A reply of support. */
export function reply(actorId: string, at: number, metadata: Record<string, unknown> = {}) {
  return { type: "ticket_reply", actorId, at, metadata } satisfies HappenedEvent;
}

/** Adds actors of a type. @returns their ids */
export async function addActors(
  database: D1Database,
  type: "support" | "manager" | "system",
  many: number,
): Promise<string[]> {
  const ids = Array.from({ length: many }, () => newId("actor"));
  await database
    .prepare(
      `INSERT INTO actors (id, type, name, active, created_at, updated_at, version)
        SELECT value, ?, 'Somebody', 1, 1, 1, 1 FROM json_each(?)`,
    )
    .bind(type, JSON.stringify(ids))
    .run();
  return ids;
}

/** Rows of one statement. */
const CHUNK = 5_000;

export async function addEvents(database: D1Database, events: readonly HappenedEvent[]) {
  for (let from = 0; from < events.length; from += CHUNK) {
    const rows = events.slice(from, from + CHUNK).map((event) => [newId("event"), event]);
    await database
      .prepare(
        `INSERT INTO events
          (id, type, source, source_id, actor_id, occurred_at, recorded_at, metadata)
          SELECT value ->> 0, value ->> '$[1].type', 'api', value ->> 0, value ->> '$[1].actorId',
            value ->> '$[1].at', value ->> '$[1].at', value -> '$[1].metadata'
          FROM json_each(?)`,
      )
      .bind(JSON.stringify(rows))
      .run();
  }
}
