import type { RealmRow } from "./tenants.repository.ts";

/** What a tenant's admin may change, in the words of the API and the audit log. */
export function settingsOf(row: RealmRow) {
  return {
    name: row.name,
    sla_response_time_ms: row.slaResponseTimeMs,
    sla_error_rate_percent: row.slaErrorRatePercent,
    sla_downtime_minutes: row.slaDowntimeMinutes,
    evaluation_window_minutes: row.evaluationWindowMinutes,
  };
}
