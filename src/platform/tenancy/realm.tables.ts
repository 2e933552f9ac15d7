import { sql } from "drizzle-orm";
import { check, integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core";

import type { LimitOverrides } from "../limits/plans.ts";

/**
 * Whether a realm serves requests. Control holds the wish; this row, read live, is what counts. One that
 * is `moving` to another database stands still: nothing of it is changed any more.
 */
export const REALM_STATUSES = ["active", "suspended", "deactivated", "moving"] as const;
export type RealmStatus = (typeof REALM_STATUSES)[number];

/**
 * The one row that says whose database this is. In a tenant database it is the tenant, in the
 * control database the platform itself.
 */
export const realm = sqliteTable(
  "realm",
  {
    /** Always 1, and unique: there is one row. */
    singleton: integer("singleton").notNull().unique().default(1),
    id: text("id").primaryKey(),
    name: text("name").notNull(),
    status: text("status", { enum: REALM_STATUSES }).notNull(),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
    version: integer("version").notNull(),
    /** The registry's word on what the realm may use: a plan, and limits that differ from it. */
    plan: text("plan").notNull().default("standard"),
    limits: text("limits", { mode: "json" }).$type<LimitOverrides>(),
    /** Version of the registry's row that all this was taken from: an older one comes too late. */
    registryVersion: integer("registry_version").notNull().default(0),
    /** What the company promises its customers: signals are judged by it. */
    slaResponseTimeMs: integer("sla_response_time_ms").notNull().default(800),
    slaErrorRatePercent: real("sla_error_rate_percent").notNull().default(2),
    slaDowntimeMinutes: real("sla_downtime_minutes").notNull().default(5),
    /** Signals of a kind within so many minutes make each other more serious. */
    evaluationWindowMinutes: integer("evaluation_window_minutes").notNull().default(3),
  },
  (table) => [check("realm_singleton", sql`${table.singleton} = 1`)],
);
