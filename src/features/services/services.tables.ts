import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { BREAKER_MODES } from "../../platform/breaker/options.ts";
import type { ApiSettings } from "./api-settings.ts";
import type { WebhookSettings } from "./services.schemas.ts";

/** External systems that the tenant integrates. */
export const services = sqliteTable("services", {
  id: text("id").primaryKey(),
  slug: text("slug").notNull().unique(),
  name: text("name").notNull(),
  /** How its webhooks are verified; null when it sends none. */
  webhook: text("webhook", { mode: "json" }).$type<WebhookSettings>(),
  /** How its API is called; null when it is not. */
  api: text("api", { mode: "json" }).$type<ApiSettings>(),
  /** What its API takes for a credential, sealed for the row `apiCredentialId`; null: none. */
  apiCredential: text("api_credential"),
  /** Changes with the credential. */
  apiCredentialId: text("api_credential_id"),
  /** What was ordered by hand of its circuit breaker; the object follows the highest version. */
  breakerMode: text("breaker_mode", { enum: BREAKER_MODES }).notNull().default("automatic"),
  breakerVersion: integer("breaker_version").notNull().default(0),
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
