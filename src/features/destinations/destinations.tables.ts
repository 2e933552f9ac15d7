import {
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";
import { drainColumns } from "../../platform/jobs/drain-columns.ts";

export const DESTINATION_STATES = ["enabled", "disabled"] as const;

/** Why a destination is disabled: by hand, because it said 410, or because it failed for days. */
export const DISABLED_REASONS = ["manual", "gone", "failing"] as const;
export type DisabledReason = (typeof DISABLED_REASONS)[number];

/** URLs that events are delivered to. */
export const destinations = sqliteTable("destinations", {
  id: text("id").primaryKey(),
  url: text("url").notNull(),
  description: text("description"),
  /** Types such as `payment.succeeded` and families such as `payment.*`; null: all. */
  eventTypes: text("event_types", { mode: "json" }).$type<readonly string[]>(),
  status: text("status", { enum: DESTINATION_STATES }).notNull(),
  disabledReason: text("disabled_reason", { enum: DISABLED_REASONS }),
  disabledAt: integer("disabled_at", { mode: "timestamp_ms" }),
  /** When the first attempt failed after the last one that did not; null while all is well. */
  failingSince: integer("failing_since", { mode: "timestamp_ms" }),
  /** Failed attempts since then, of which one in 12 hours counts, and when the last that did was. */
  failures: integer("failures").notNull().default(0),
  failureCountedAt: integer("failure_counted_at", { mode: "timestamp_ms" }),
  /** Until when nothing is sent: it asked for peace, or its breaker is open. What waits stays as it is. */
  pausedUntil: integer("paused_until", { mode: "timestamp_ms" }),
  createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
  updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
  version: integer("version").notNull(),
  /** Its deliveries may be many: they go piece by piece, and the row after them. */
  deletedAt: integer("deleted_at", { mode: "timestamp_ms" }),
});

/** What deliveries are signed with, sealed for their rows. At most two live, for rotation. */
export const destinationSecrets = sqliteTable(
  "destination_secrets",
  {
    id: text("id").primaryKey(),
    destinationId: text("destination_id").notNull(),
    /** See `platform/crypto/envelope.ts`. */
    sealed: text("sealed").notNull(),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    /** Null: until it is followed by another. */
    expiresAt: integer("expires_at", { mode: "timestamp_ms" }),
  },
  (table) => [
    index("destination_secrets_destination").on(table.destinationId),
    index("destination_secrets_expires_at").on(table.expiresAt),
  ],
);

/** `pending -> sending -> delivered`; a failed attempt leads back to `pending`, the last to `failed`. */
export const DELIVERY_STATES = ["pending", "sending", "delivered", "failed"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** An event on its way to a destination. */
export const deliveries = sqliteTable(
  "deliveries",
  {
    id: text("id").primaryKey(),
    destinationId: text("destination_id").notNull(),
    eventId: text("event_id").notNull(),
    type: text("type").notNull(),
    /** What a sample tells, where there is no such event; else null. */
    sample: text("sample", { mode: "json" }).$type<Record<string, unknown>>(),
    status: text("status", { enum: DELIVERY_STATES }).notNull(),
    /** Attempts begun. */
    attempts: integer("attempts").notNull(),
    /** Attempts that failed since it was queued or sent anew: the schedule goes by these. */
    tries: integer("tries").notNull(),
    /** Leases taken since an attempt last ended: all but the present one were lost, by faults of ours. */
    leases: integer("leases").notNull().default(0),
    /** When it is to be taken up; while somebody works on it, the end of the lease. */
    dueAt: integer("due_at", { mode: "timestamp_ms" }),
    /** Token of whoever works on it. */
    lease: text("lease"),
    /** What the last attempt was answered, and why it failed. */
    responseStatus: integer("response_status"),
    lastError: text("last_error"),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    endedAt: integer("ended_at", { mode: "timestamp_ms" }),
  },
  (table) => [
    uniqueIndex("deliveries_event").on(table.destinationId, table.eventId),
    index("deliveries_due").on(table.destinationId, table.dueAt),
    index("deliveries_lease").on(table.lease),
    index("deliveries_destination").on(table.destinationId, table.id),
    index("deliveries_status").on(table.destinationId, table.status, table.id),
    index("deliveries_type").on(table.destinationId, table.type, table.id),
    index("deliveries_ended").on(table.endedAt),
  ],
);

/** Each begun attempt, and how it ended. One that never ended lost its lease. */
export const deliveryAttempts = sqliteTable(
  "delivery_attempts",
  {
    deliveryId: text("delivery_id").notNull(),
    number: integer("number").notNull(),
    lease: text("lease").notNull(),
    startedAt: integer("started_at", { mode: "timestamp_ms" }).notNull(),
    endedAt: integer("ended_at", { mode: "timestamp_ms" }),
    outcome: text("outcome", { enum: ["delivered", "failed"] }),
    responseStatus: integer("response_status"),
    durationMs: integer("duration_ms"),
    error: text("error"),
    /** The beginning of what was answered. */
    responseText: text("response_text"),
  },
  (table) => [primaryKey({ columns: [table.deliveryId, table.number] })],
);

/** One row: the drain of this tenant's deliveries. */
export const deliveryDrain = sqliteTable("delivery_drain", drainColumns());
