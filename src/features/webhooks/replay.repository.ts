import { and, asc, eq, gte, inArray, lt, type SQL, sql } from "drizzle-orm";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { dueFrom } from "./receive.repository.ts";
import { webhookEvents } from "./webhooks.tables.ts";

/** Which dead letters. */
export interface DeadLetterFilters {
  readonly service?: string | undefined;
  readonly type?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Ids of dead letters, the oldest first, and how many there are in all. */
export async function findDeadLetters(db: RealmDb, filters: DeadLetterFilters, most: number) {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ id: webhookEvents.id, all: sql<number>`count(*) OVER ()` })
        .from(webhookEvents)
        .where(deadLetters(filters))
        .orderBy(asc(webhookEvents.id))
        .limit(most),
    "primary",
  );
  return { ids: rows.map(({ id }) => id), all: rows[0]?.all ?? 0 };
}

function deadLetters({ service, type, from, to }: DeadLetterFilters): SQL | undefined {
  return and(
    eq(webhookEvents.status, "dead_letter"),
    service === undefined ? undefined : eq(webhookEvents.service, service),
    type === undefined ? undefined : eq(webhookEvents.type, type),
    from === undefined ? undefined : gte(webhookEvents.receivedAt, new Date(from)),
    to === undefined ? undefined : lt(webhookEvents.receivedAt, new Date(to)),
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
    buriedAt: null,
  } as const;
}
