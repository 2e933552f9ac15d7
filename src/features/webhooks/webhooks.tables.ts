import { sql } from "drizzle-orm";
import {
  blob,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";
import { watchedDrainColumns } from "../../platform/jobs/drain-columns.ts";
import { SIGNATURE_FAULTS } from "../../platform/signatures/index.ts";

/**
 * Where a received event stands: `pending -> processing -> completed`; a failed attempt leads to
 * `failed`, and back to `processing`; the last one to `dead_letter`. What is too old to be kept
 * whole is `archived`: known, but without its payload.
 */
export const EVENT_STATES = [
  "pending",
  "processing",
  "completed",
  "failed",
  "dead_letter",
  "archived",
] as const;
export type EventState = (typeof EVENT_STATES)[number];

/** Received webhooks. */
export const webhookEvents = sqliteTable(
  "webhook_events",
  {
    id: text("id").primaryKey(),
    /** The service's slug: one that is removed and added again is the same, and so are its repeats. */
    service: text("service").notNull(),
    type: text("type").notNull(),
    /** The provider's id, if it gave one. */
    providerId: text("provider_id"),
    /** Digest of what makes the delivery the same as another; see `dedupe.ts`. */
    dedupeKey: text("dedupe_key").notNull(),
    /** Whether the provider's id had come before with another body. */
    conflicting: integer("conflicting", { mode: "boolean" }).notNull(),
    /** Whether the tenant sent it to itself. */
    test: integer("test", { mode: "boolean" }).notNull(),
    status: text("status", { enum: EVENT_STATES }).notNull(),
    /** Whether somebody asked for it again after it had failed for good: it waits behind the others. */
    replay: integer("replay", { mode: "boolean" }).notNull(),
    /** Attempts begun, and how many may still fail. */
    attempts: integer("attempts").notNull(),
    attemptsLeft: integer("attempts_left").notNull(),
    maxAttempts: integer("max_attempts").notNull(),
    /**
     * When a consumer should look at it next: the next attempt, or the end of the lease. Null when
     * there is nothing to do.
     */
    dueAt: integer("due_at", { mode: "timestamp_ms" }),
    /** Token of the consumer that works on it. */
    lease: text("lease"),
    lastError: text("last_error"),
    /** Bytes of the payload. */
    size: integer("size").notNull(),
    receivedAt: integer("received_at", { mode: "timestamp_ms" }).notNull(),
    /** When it was completed, or given up. */
    endedAt: integer("ended_at", { mode: "timestamp_ms" }),
    /** When the dead-letter queue was last told of it. */
    toldAt: integer("told_at", { mode: "timestamp_ms" }),
    /** When the dead-letter queue's consumer had seen it dead. */
    buriedAt: integer("buried_at", { mode: "timestamp_ms" }),
  },
  (table) => [
    uniqueIndex("webhook_events_dedupe").on(table.service, table.dedupeKey),
    index("webhook_events_provider_id").on(table.service, table.providerId),
    index("webhook_events_due").on(table.replay, table.dueAt),
    index("webhook_events_lease").on(table.lease),
    index("webhook_events_status").on(table.status, table.id),
    index("webhook_events_service").on(table.service, table.id),
    index("webhook_events_type").on(table.type, table.id),
    index("webhook_events_ended").on(table.status, table.endedAt),
    index("webhook_events_unburied")
      .on(table.toldAt)
      .where(sql`status = 'dead_letter' AND buried_at IS NULL`),
    index("webhook_events_dead")
      .on(table.service, table.buriedAt)
      .where(sql`status = 'dead_letter'`),
  ],
);

/** How a body is read: as JSON, as a form, or not at all. */
export const PAYLOAD_KINDS = ["json", "form", "other"] as const;
export type PayloadKind = (typeof PAYLOAD_KINDS)[number];

/** Bodies as they were received: text where UTF-8 gives the same bytes back, else bytes. */
export const webhookPayloads = sqliteTable("webhook_payloads", {
  eventId: text("event_id").primaryKey(),
  kind: text("kind", { enum: PAYLOAD_KINDS }).notNull(),
  contentType: text("content_type").notNull(),
  text: text("text"),
  bytes: blob("bytes", { mode: "buffer" }),
});

/** Each begun attempt, and how it ended. One that never ended lost its lease. */
export const webhookAttempts = sqliteTable(
  "webhook_attempts",
  {
    eventId: text("event_id").notNull(),
    number: integer("number").notNull(),
    lease: text("lease").notNull(),
    startedAt: integer("started_at", { mode: "timestamp_ms" }).notNull(),
    endedAt: integer("ended_at", { mode: "timestamp_ms" }),
    outcome: text("outcome", { enum: ["completed", "failed", "postponed"] }),
    error: text("error"),
  },
  (table) => [primaryKey({ columns: [table.eventId, table.number] })],
);

/** Why a delivery was turned away. */
export const REJECTION_REASONS = [
  "unknown-service",
  "content-too-large",
  "malformed-body",
  /** Taken in already, as a batch and not as one event, or the other way round. */
  "other-route",
  /** More than the tenant may be sent. */
  "quota-exceeded",
  ...SIGNATURE_FAULTS,
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/**
 * Deliveries that were turned away, summed per hour: however many there are, a row for each hour,
 * service and reason, until retention drops it. An isolate that ends takes with it what it had not
 * written yet.
 */
export const webhookRejections = sqliteTable(
  "webhook_rejections",
  {
    hour: integer("hour", { mode: "timestamp_ms" }).notNull(),
    /** Slug; empty where there is no such service, because strangers make up any number of names. */
    service: text("service").notNull(),
    reason: text("reason", { enum: REJECTION_REASONS }).notNull(),
    count: integer("count").notNull(),
    firstAt: integer("first_at", { mode: "timestamp_ms" }).notNull(),
    lastAt: integer("last_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.hour, table.service, table.reason] })],
);

/** Bodies that were taken in as batches: the same one is no single event, and the other way round. */
export const webhookBatches = sqliteTable(
  "webhook_batches",
  {
    service: text("service").notNull(),
    /** What would be the dedupe key of the body as one event. */
    key: text("key").notNull(),
    receivedAt: integer("received_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.service, table.key] }),
    index("webhook_batches_received_at").on(table.receivedAt),
  ],
);

/** One row: the drain of this tenant's events. */
export const webhookDrain = sqliteTable("webhook_drain", watchedDrainColumns());
