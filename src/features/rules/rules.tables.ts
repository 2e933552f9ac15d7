import { index, integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const RULE_OPERATORS = [">", "<"] as const;
/** How serious a signal is, the least first. */
export const SEVERITIES = ["low", "medium", "warning", "high", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** When a metric opens a signal: while it breaches the threshold for at least the duration. */
export const signalRules = sqliteTable(
  "signal_rules",
  {
    id: text("id").primaryKey(),
    metric: text("metric").notNull(),
    operator: text("operator", { enum: RULE_OPERATORS }).notNull(),
    threshold: real("threshold").notNull(),
    durationSeconds: integer("duration_seconds").notNull(),
    severity: text("severity", { enum: SEVERITIES }).notNull(),
    active: integer("active", { mode: "boolean" }).notNull(),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
    version: integer("version").notNull(),
    /** Time of the first sample of the breach that goes on; null while there is none. */
    breachedSince: integer("breached_since", { mode: "timestamp_ms" }),
    /** Time of the newest sample: what is older comes too late and is not judged. */
    lastSampleAt: integer("last_sample_at", { mode: "timestamp_ms" }),
    /** Counts evaluations: of two that began with the same state, one is kept. */
    stateVersion: integer("state_version").notNull().default(0),
  },
  (table) => [index("signal_rules_metric").on(table.metric, table.active)],
);

/** Values of watched metrics that no rule was held against yet, in the order of their arrival. */
export const metricSamples = sqliteTable("metric_samples", {
  seq: integer("seq").primaryKey({ autoIncrement: true }),
  metric: text("metric").notNull(),
  value: real("value").notNull(),
  /** When it was measured. */
  at: integer("at", { mode: "timestamp_ms" }).notNull(),
});
