import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { LimitOverrides } from "../limits/plans.ts";
import { REGIONS } from "../regions.ts";

/**
 * Where a tenant stands on its way: `claimed -> migrating -> seeding -> active`, or `importing ->
 * active`, then `suspended` and back, `importing` again while it moves to another database, at last
 * `deactivated -> purging -> purged`.
 */
export const TENANT_STATES = [
  "claimed",
  "migrating",
  "seeding",
  "importing",
  "active",
  "suspended",
  "deactivated",
  "purging",
  "purged",
] as const;
export type TenantState = (typeof TENANT_STATES)[number];

/**
 * The registry: which tenant lives where. A row is never deleted and a slug or a database never
 * given to another tenant. No business data.
 */
export const tenants = sqliteTable(
  "tenants",
  {
    id: text("id").primaryKey(),
    slug: text("slug").notNull().unique(),
    name: text("name").notNull(),
    plan: text("plan").notNull(),
    cell: text("cell").notNull(),
    /** Name of the D1 binding. */
    binding: text("binding").notNull(),
    state: text("state", { enum: TENANT_STATES }).notNull(),
    /** Number of tenant migrations that the database has. */
    schemaVersion: integer("schema_version").notNull(),
    /** What a seed needs to be resumed, sealed; null once the tenant is active. */
    pendingSeed: text("pending_seed"),
    /** Set while the tenant's own database has not yet heard of `state`, `plan` and `limits`. */
    unsyncedSince: integer("unsynced_since", { mode: "timestamp_ms" }),
    deactivatedAt: integer("deactivated_at", { mode: "timestamp_ms" }),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
    version: integer("version").notNull(),
    /** When it was last known to have work; who never says so is visited seldom. */
    activeAt: integer("active_at", { mode: "timestamp_ms" }),
    /** Limits that differ from the plan's, by name. */
    limits: text("limits", { mode: "json" }).$type<LimitOverrides>(),
    /** Where its data has to stay; null: anywhere. */
    region: text("region", { enum: REGIONS }),
  },
  (table) => [
    index("tenants_cell").on(table.cell, table.id),
    uniqueIndex("tenants_database").on(table.cell, table.binding),
    index("tenants_state").on(table.state, table.updatedAt),
    index("tenants_unsynced").on(table.unsyncedSince),
  ],
);
