import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { actors } from "../actors/actors.tables.ts";

/** What happened in the tenant's business. The words are those of CloudEvents. */
export const events = sqliteTable(
  "events",
  {
    id: text("id").primaryKey(),
    type: text("type").notNull(),
    /** Where it comes from: `webhook:` and the service's slug. */
    source: text("source").notNull(),
    /** Id of what it was made from, such as a received webhook. */
    sourceId: text("source_id").notNull(),
    /** What it is about, in the source's own words, such as a payment's id. */
    subject: text("subject"),
    /** Who did it, if it was one of the tenant's actors. */
    actorId: text("actor_id").references(() => actors.id),
    /** When it happened, and when it was written down. */
    occurredAt: integer("occurred_at", { mode: "timestamp_ms" }).notNull(),
    recordedAt: integer("recorded_at", { mode: "timestamp_ms" }).notNull(),
    metadata: text("metadata", { mode: "json" }).notNull().$type<Record<string, unknown>>(),
  },
  (table) => [
    index("events_type").on(table.type, table.id),
    index("events_source_id").on(table.sourceId),
    index("events_subject").on(table.subject, table.id),
    index("events_told").on(table.source, table.subject, table.type),
    index("events_occurred_at").on(table.occurredAt),
    index("events_actor").on(table.actorId, table.id),
    index("events_actor_time").on(table.actorId, table.occurredAt),
    index("events_type_time").on(table.type, table.occurredAt),
  ],
);
