import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { WebhookSettings } from "./services.schemas.ts";

/** External systems that the tenant integrates. */
export const services = sqliteTable("services", {
  id: text("id").primaryKey(),
  slug: text("slug").notNull().unique(),
  name: text("name").notNull(),
  /** How its webhooks are verified; null when it sends none. */
  webhook: text("webhook", { mode: "json" }).$type<WebhookSettings>(),
  createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
  updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
  version: integer("version").notNull(),
});

/** Secrets of services, sealed for their rows. At most two live at a time, for rotation. */
export const serviceSecrets = sqliteTable(
  "service_secrets",
  {
    id: text("id").primaryKey(),
    serviceId: text("service_id").notNull(),
    /** See `platform/crypto/envelope.ts`. */
    sealed: text("sealed").notNull(),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [index("service_secrets_service").on(table.serviceId)],
);
