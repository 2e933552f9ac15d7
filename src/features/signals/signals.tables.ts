import { sql } from "drizzle-orm";
import { index, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { SEVERITIES } from "../rules/rules.tables.ts";

/** By whom or what a signal was opened. */
export const SIGNAL_SOURCES = ["manual", "sla", "rule", "infra", "webhook"] as const;
export type SignalSource = (typeof SIGNAL_SOURCES)[number];

export const SIGNAL_STATUSES = ["open", "acknowledged", "resolved"] as const;
export type SignalStatus = (typeof SIGNAL_STATUSES)[number];

/** What somebody has to look at. */
export const signals = sqliteTable(
  "signals",
  {
    id: text("id").primaryKey(),
    source: text("source", { enum: SIGNAL_SOURCES }).notNull(),
    /** What it is about; those of a kind within the window raise each other's risk. */
    kind: text("kind").notNull(),
    severity: text("severity", { enum: SEVERITIES }).notNull(),
    status: text("status", { enum: SIGNAL_STATUSES }).notNull(),
    title: text("title").notNull(),
    description: text("description"),
    /** What was reported, as far as it was. */
    responseTimeMs: real("response_time_ms"),
    errorRatePercent: real("error_rate_percent"),
    downtimeMinutes: real("downtime_minutes"),
    metric: text("metric"),
    metricValue: real("metric_value"),
    /** The rule that opened it. */
    ruleId: text("rule_id"),
    riskScore: real("risk_score").notNull(),
    /** What is not opened twice: unique among those that are not resolved. */
    dedupeKey: text("dedupe_key"),
    /** How often it was seen, and when last. */
    occurrences: integer("occurrences").notNull(),
    lastSeenAt: integer("last_seen_at", { mode: "timestamp_ms" }).notNull(),
    /** Id of the user who looks after it. */
    assigneeId: text("assignee_id"),
    openedAt: integer("opened_at", { mode: "timestamp_ms" }).notNull(),
    acknowledgedAt: integer("acknowledged_at", { mode: "timestamp_ms" }),
    /** Principals, as in the audit log. */
    acknowledgedBy: text("acknowledged_by"),
    resolvedAt: integer("resolved_at", { mode: "timestamp_ms" }),
    resolvedBy: text("resolved_by"),
    updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
    version: integer("version").notNull(),
  },
  (table) => [
    index("signals_status").on(table.status, table.id),
    index("signals_severity").on(table.severity, table.id),
    index("signals_source").on(table.source, table.id),
    index("signals_risk").on(table.riskScore, table.id),
    index("signals_status_risk").on(table.status, table.riskScore, table.id),
    index("signals_severity_risk").on(table.severity, table.riskScore, table.id),
    index("signals_source_risk").on(table.source, table.riskScore, table.id),
    index("signals_assignee").on(table.assigneeId, table.id).where(sql`assignee_id IS NOT NULL`),
    index("signals_assignee_risk")
      .on(table.assigneeId, table.riskScore, table.id)
      .where(sql`assignee_id IS NOT NULL`),
    // Without the open ones, so that no query for those goes by it through all of them.
    index("signals_resolved").on(table.resolvedAt).where(sql`resolved_at IS NOT NULL`),
    index("signals_kind").on(table.kind, table.openedAt).where(sql`resolved_at IS NULL`),
    uniqueIndex("signals_dedupe").on(table.dedupeKey).where(sql`resolved_at IS NULL`),
    index("signals_opened").on(table.openedAt),
    index("signals_downtime")
      .on(table.openedAt, table.downtimeMinutes)
      .where(sql`downtime_minutes IS NOT NULL`),
    index("signals_unseen")
      .on(table.lastSeenAt)
      .where(sql`resolved_at IS NULL AND severity = 'low'`),
    index("signals_told")
      .on(table.dedupeKey, table.resolvedAt)
      .where(sql`resolved_at IS NOT NULL AND dedupe_key IS NOT NULL`),
  ],
);

/** What happened to signals, in the order in which live streams tell it. */
export const SIGNAL_CHANGES = [
  "opened",
  "escalated",
  "acknowledged",
  "assigned",
  "resolved",
] as const;
export type SignalChange = (typeof SIGNAL_CHANGES)[number];

export const signalChanges = sqliteTable(
  "signal_changes",
  {
    seq: integer("seq").primaryKey({ autoIncrement: true }),
    signalId: text("signal_id")
      .notNull()
      .references(() => signals.id),
    change: text("change", { enum: SIGNAL_CHANGES }).notNull(),
    occurredAt: integer("occurred_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [index("signal_changes_signal").on(table.signalId)],
);
