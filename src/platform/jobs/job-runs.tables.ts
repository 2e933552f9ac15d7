import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const RUN_STATUSES = ["running", "done", "failed"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** Runs of what the clock starts. */
export const jobRuns = sqliteTable(
  "job_runs",
  {
    id: text("id").primaryKey(),
    /** Of the schedule, such as `rounds.nightly`. */
    name: text("name").notNull(),
    status: text("status", { enum: RUN_STATUSES }).notNull(),
    startedAt: integer("started_at", { mode: "timestamp_ms" }).notNull(),
    finishedAt: integer("finished_at", { mode: "timestamp_ms" }),
    /** Tenants that were called; null where none is. */
    tenants: integer("tenants"),
    /** ... that have done all of it, and that have failed at some of it. */
    done: integer("done").notNull(),
    failed: integer("failed").notNull(),
    /** Id of the tenant after which a run that was broken off goes on. */
    resumeAfter: text("resume_after"),
    /** Kind of the fault that ended it; its details stand in the log. */
    error: text("error"),
  },
  (table) => [
    index("job_runs_name").on(table.name, table.id),
    index("job_runs_status").on(table.status, table.id),
  ],
);

/** Tenants that a run failed at, until a later try succeeds. */
export const jobFailures = sqliteTable(
  "job_failures",
  {
    runId: text("run_id")
      .notNull()
      .references(() => jobRuns.id),
    tenantId: text("tenant_id").notNull(),
    slug: text("slug").notNull(),
    /** Names of what failed there. */
    chores: text("chores", { mode: "json" }).notNull().$type<readonly string[]>(),
    /** Kind of the last fault. */
    error: text("error").notNull(),
    tries: integer("tries").notNull(),
    failedAt: integer("failed_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.runId, table.tenantId] })],
);
