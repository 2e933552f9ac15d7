import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const RUN_STATUSES = ["running", "done", "failed"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** Letters of `marks`: not heard of yet, has done all of it, has failed at some of it. */
export const MARKS = { unheard: ".", done: "d", failed: "f" } as const;

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
    /**
     * What became of each tenant's bell, by its place in the order of ringing: a letter of
     * {@link MARKS}. However often a bell comes, its tenant counts once.
     */
    marks: text("marks").notNull().default(""),
    /** 1, and one more for each time that it goes on with a run that was broken off. */
    attempt: integer("attempt").notNull().default(1),
    /** Id of the run that it goes on with. */
    resumes: text("resumes"),
    /** Id of the tenant after which a run that was broken off goes on. */
    resumeAfter: text("resume_after"),
    /** Kind of the fault that ended it; its details stand in the log. */
    error: text("error"),
    /** Whose crons it was; null for runs from before there were several. */
    cell: text("cell"),
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
