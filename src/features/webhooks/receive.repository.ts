import { and, eq, type SQL, sql } from "drizzle-orm";
import { type RealmDb, realm, type Step, write } from "../../platform/tenancy/index.ts";
import type { PayloadKind } from "./webhooks.tables.ts";
import { webhookBatches, webhookEvents, webhookPayloads } from "./webhooks.tables.ts";

/** What the events of one delivery have in common. */
export interface Origin {
  readonly service: string;
  readonly maxAttempts: number;
  readonly receivedAt: Date;
  readonly test: boolean;
}

/** One event of a delivery. */
export interface NewDelivery {
  readonly id: string;
  readonly type: string;
  readonly providerId: string | null;
  readonly dedupeKey: string;
  /** Bytes. */
  readonly size: number;
}

/** One event of a batch, with its text. */
export interface BatchedDelivery extends NewDelivery {
  readonly text: string;
  /** Whether an earlier event of the same batch has this id and another body. */
  readonly conflicting: boolean;
}

/** A suspended tenant's events are stored and held; one that has left receives nothing. */
export function realmIsHere(): Step {
  return {
    require: sql`EXISTS (SELECT 1 FROM ${realm} WHERE status <> 'deactivated')`,
    as: "realm.here",
    otherwise: "tenant-not-found",
  };
}

/** Nobody signs the path: a body that was taken in as a batch is no single event besides. */
export function isNoBatch(service: string, key: string): Step {
  return {
    require: sql`NOT EXISTS (SELECT 1 FROM ${webhookBatches}
      WHERE service = ${service} AND key = ${key})`,
    as: "webhook_batches.none",
    otherwise: "other-route",
  };
}

/**
 * The other way round, and the mark that {@link isNoBatch} looks for. A batch that comes again finds
 * its own.
 * @param key what would be the dedupe key of the whole body as one event
 */
export function markBatch(service: string, key: string, receivedAt: Date): Step[] {
  return [
    {
      require: sql`NOT EXISTS (SELECT 1 FROM ${webhookEvents}
        WHERE service = ${service} AND dedupe_key = ${key})`,
      as: "webhook_events.no_single",
      otherwise: "other-route",
    },
    {
      statement: write
        .insert(webhookBatches)
        .values({ service, key, receivedAt })
        .onConflictDoNothing(),
      expect: "any",
      as: "webhook_batches.mark",
    },
  ];
}

/** Fails with `conflict` when the event is there already. */
export function insertDelivery(origin: Origin, event: NewDelivery): Step {
  return {
    statement: write.insert(webhookEvents).values({
      ...origin,
      ...event,
      ...PENDING,
      attemptsLeft: origin.maxAttempts,
      dueAt: dueFrom(origin.receivedAt),
      conflicting: isKnownId(sql`${origin.service}`, sql`${event.providerId}`),
    }),
    expect: 1,
    as: "webhook_events.insert",
    taken: { "webhook_events.service, webhook_events.dedupe_key": "conflict" },
  };
}

/** How far the clocks of two machines may differ, in ms: who serves the doorbell must find it due. */
const CLOCK_SKEW_MS = 5_000;

/** Since when what was received, or asked for again, at this time is due. */
export function dueFrom(at: Date): Date {
  return new Date(at.getTime() - CLOCK_SKEW_MS);
}

const PENDING = { status: "pending", replay: false, attempts: 0 } as const;

/** Whether the provider has used this id before: for another body, or the dedupe key stops it. */
function isKnownId(service: SQL, providerId: SQL): SQL<boolean> {
  return sql`EXISTS (SELECT 1 FROM webhook_events AS earlier
    WHERE earlier.service = ${service} AND earlier.provider_id = ${providerId})`;
}

/** Text where the body's UTF-8 is these very bytes: through the binding that is 14 times as fast. */
export function insertPayload(
  eventId: string,
  { kind, contentType }: { readonly kind: PayloadKind; readonly contentType: string },
  body: string | Uint8Array,
): Step {
  const [text, bytes] = typeof body === "string" ? [body, null] : [null, Buffer.from(body)];
  return {
    statement: write.insert(webhookPayloads).values({ eventId, kind, contentType, text, bytes }),
    expect: 1,
    as: "webhook_payloads.insert",
  };
}

/** All events of a batch that are not there yet, in one statement. */
export function insertDeliveries(origin: Origin, batch: readonly BatchedDelivery[]): Step {
  const rows = JSON.stringify(batch.map(({ text: _, ...event }) => event));
  const value = (name: string) => sql`json_extract(value, ${`$.${name}`})`;
  const known = isKnownId(sql`${origin.service}`, value("providerId"));
  // In the order of the table's columns.
  const select = sql`SELECT ${value("id")}, ${origin.service}, ${value("type")},
    ${value("providerId")}, ${value("dedupeKey")}, ${value("conflicting")} OR ${known},
    ${origin.test ? 1 : 0}, ${PENDING.status}, 0, 0, ${origin.maxAttempts}, ${origin.maxAttempts},
    ${dueFrom(origin.receivedAt).getTime()}, NULL, NULL, ${value("size")}, ${origin.receivedAt.getTime()},
    NULL, NULL, NULL
    FROM json_each(${rows}) WHERE true`;
  return {
    statement: write
      .insert(webhookEvents)
      .select(select)
      .onConflictDoNothing({ target: [webhookEvents.service, webhookEvents.dedupeKey] }),
    expect: "any",
    as: "webhook_events.insert_many",
  };
}

/** The payload of one event of a batch, if the event was not there yet. */
export function insertPayloadOfNew({ id, text }: BatchedDelivery): Step {
  return {
    statement: write.insert(webhookPayloads).select(
      sql`SELECT ${id}, 'json', 'application/json', ${text}, NULL
        WHERE EXISTS (SELECT 1 FROM ${webhookEvents} WHERE id = ${id})`,
    ),
    expect: "any",
    as: "webhook_payloads.insert_new",
  };
}

/** Payloads of those events of a batch that were not there yet. */
export function insertPayloads(batch: readonly BatchedDelivery[]): Step {
  const rows = JSON.stringify(batch.map(({ id, text }) => ({ id, text })));
  return {
    statement: write.insert(webhookPayloads).select(
      sql`SELECT json_extract(value, '$.id'), 'json', 'application/json',
           json_extract(value, '$.text'), NULL
        FROM json_each(${rows})
        WHERE json_extract(value, '$.id') IN (SELECT id FROM ${webhookEvents})`,
    ),
    expect: "any",
    as: "webhook_payloads.insert_many",
  };
}

/** The events that have these keys. */
export function findByDedupeKey(db: RealmDb, service: string, keys: readonly string[]) {
  const wanted = JSON.stringify(keys);
  return db.read(
    (reader) =>
      reader
        .select({
          id: webhookEvents.id,
          dedupeKey: webhookEvents.dedupeKey,
          attempts: webhookEvents.attempts,
        })
        .from(webhookEvents)
        .where(
          and(
            eq(webhookEvents.service, service),
            sql`${webhookEvents.dedupeKey} IN (SELECT value FROM json_each(${wanted}))`,
          ),
        ),
    "primary",
  );
}
