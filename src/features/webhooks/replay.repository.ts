import { and, asc, count, eq, inArray, type SQL, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { ofService, ofType, receivedWithin } from "./inspect.repository.ts";
import { dueFrom } from "./receive.repository.ts";
import { webhookEvents } from "./webhooks.tables.ts";

/** Which dead letters. */
export interface DeadLetterFilters {
  readonly service?: string | undefined;
  readonly type?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** How many dead letters there are. */
export async function countDeadLetters(db: RealmDb, filters: DeadLetterFilters): Promise<number> {
  const [row] = await db.read(
    (reader) => reader.select({ all: count() }).from(webhookEvents).where(deadLetters(filters)),
    "primary",
  );
  return row?.all ?? 0;
}

/** Ids of dead letters, the oldest first. */
export async function findDeadLetters(
  db: RealmDb,
  filters: DeadLetterFilters,
  most: number,
): Promise<string[]> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ id: webhookEvents.id })
        .from(webhookEvents)
        .where(deadLetters(filters))
        .orderBy(asc(webhookEvents.id))
        .limit(most),
    "primary",
  );
  return rows.map(({ id }) => id);
}

function deadLetters({ service, type, from, to }: DeadLetterFilters): SQL | undefined {
  return and(
    eq(webhookEvents.status, "dead_letter"),
    ofService(service, "dead_letter"),
    ofType(type, "dead_letter"),
    receivedWithin(from, to),
  );
}

/** Makes one event due again, if it has failed. */
export function replayOne(eventId: string, at: Date): Step {
  return {
    statement: write
      .update(webhookEvents)
      .set(again(at))
      .where(
        and(
          eq(webhookEvents.id, eventId),
          inArray(webhookEvents.status, ["failed", "dead_letter"]),
        ),
      ),
    expect: 1,
    as: "webhook_events.replay",
    otherwise: "event-state",
  };
}

/** Makes these dead letters due again; all of them, or none and `conflict`. */
export function replayMany(ids: readonly string[], at: Date): Step[] {
  return [
    {
      statement: write
        .update(webhookEvents)
        .set(again(at))
        .where(
          and(
            sql`${webhookEvents.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
            eq(webhookEvents.status, "dead_letter"),
          ),
        ),
      expect: "any",
      as: "webhook_events.replay_many",
    },
    {
      require: sql`changes() = ${ids.length}`,
      as: "webhook_events.replayed_all",
      otherwise: "conflict",
    },
  ];
}

function again(at: Date) {
  return {
    status: "pending",
    replay: true,
    attemptsLeft: sql`max_attempts`,
    dueAt: dueFrom(at),
    endedAt: null,
    toldAt: null,
    buriedAt: null,
  } as const;
}
