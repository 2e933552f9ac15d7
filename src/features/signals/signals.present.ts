import type { z } from "zod";
import type { SignalRow } from "./signals.repository.ts";
import type { Signal } from "./signals.schemas.ts";

/** A signal as the API, the live stream and destinations show it. */
export function presentSignal(row: SignalRow): z.input<typeof Signal> {
  return {
    id: row.id,
    source: row.source,
    kind: row.kind,
    severity: row.severity,
    status: row.status,
    title: row.title,
    description: row.description,
    response_time_ms: row.responseTimeMs,
    error_rate_percent: row.errorRatePercent,
    downtime_minutes: row.downtimeMinutes,
    metric: row.metric,
    metric_value: row.metricValue,
    rule_id: row.ruleId,
    risk_score: row.riskScore,
    occurrences: row.occurrences,
    last_seen_at: row.lastSeenAt.toISOString(),
    assignee_id: row.assigneeId,
    opened_at: row.openedAt.toISOString(),
    acknowledged_at: row.acknowledgedAt?.toISOString() ?? null,
    acknowledged_by: row.acknowledgedBy,
    resolved_at: row.resolvedAt?.toISOString() ?? null,
    resolved_by: row.resolvedBy,
    updated_at: row.updatedAt.toISOString(),
  };
}
