import { sql } from "drizzle-orm";
import {
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";

/** A run tries its canary alone, then goes through the others; a failed canary halts it. */
export const MIGRATION_STATES = ["canary", "fleet", "halted", "done"] as const;
export type MigrationState = (typeof MIGRATION_STATES)[number];

/** Runs that bring the databases of all tenants up to a schema. One is open at a time. */
export const migrationRuns = sqliteTable(
  "migration_runs",
  {
    id: text("id").primaryKey(),
    state: text("state", { enum: MIGRATION_STATES }).notNull(),
    /** Number of tenant migrations that everybody shall have. */
    schemaVersion: integer("schema_version").notNull(),
    /** Id of the tenant that is migrated first, and alone. */
    canary: text("canary"),
    /** Tenants migrated at a time, in each cell. */
    concurrency: integer("concurrency").notNull(),
    /** Id of the operator who asked for it. */
    startedBy: text("started_by").notNull(),
    startedAt: integer("started_at", { mode: "timestamp_ms" }).notNull(),
    updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
    finishedAt: integer("finished_at", { mode: "timestamp_ms" }),
    version: integer("version").notNull(),
  },
  (table) => [
    uniqueIndex("migration_runs_open")
      .on(sql`(1)`)
      .where(sql`${table.state} IN ('canary', 'fleet')`),
  ],
);

/** `claimed`: its bell was rung; `running`: somebody has heard it and migrates. */
export const TARGET_STATES = ["pending", "claimed", "running", "done", "failed"] as const;
export type TargetState = (typeof TARGET_STATES)[number];

/** The tenants of a run, and what became of each. */
export const migrationTargets = sqliteTable(
  "migration_targets",
  {
    runId: text("run_id")
      .notNull()
      .references(() => migrationRuns.id),
    tenantId: text("tenant_id").notNull(),
    slug: text("slug").notNull(),
    cell: text("cell").notNull(),
    state: text("state", { enum: TARGET_STATES }).notNull(),
    /** Of the claim that it is under. */
    lease: text("lease"),
    /** Until when it is waited for, claimed or running. */
    claimedUntil: integer("claimed_until", { mode: "timestamp_ms" }),
    tries: integer("tries").notNull(),
    /** Kind of the last fault; its details stand in the log. */
    error: text("error"),
    updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.runId, table.tenantId] }),
    index("migration_targets_state").on(table.runId, table.state, table.cell),
  ],
);
