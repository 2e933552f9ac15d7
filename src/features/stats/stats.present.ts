import type { z } from "zod";
import { SEVERITIES } from "../rules/index.ts";
import { SIGNAL_SOURCES } from "../signals/index.ts";
import type { Unresolved } from "./stats.repository.ts";
import { type SignalMetrics, type Stats as StatsSchema, UNRESOLVED } from "./stats.schemas.ts";
import type { Metrics, Stats } from "./stats.service.ts";

export function presentStats(stats: Stats): z.input<typeof StatsSchema> {
  const { total, critical, warning, uptime } = stats;
  return { total_signals: total, critical, warning, uptime };
}

export function presentMetrics(metrics: Metrics): z.input<typeof SignalMetrics> {
  const { from, to, unresolved, period } = metrics;
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    unresolved: {
      total: sum(unresolved),
      by_severity: countBy(SEVERITIES, unresolved, ({ severity }) => severity),
      by_status: countBy(UNRESOLVED, unresolved, ({ status }) => status),
      by_source: countBy(SIGNAL_SOURCES, unresolved, ({ source }) => source),
    },
    opened: period.opened,
    mean_seconds_to_acknowledge: rounded(period.acknowledgeSeconds, 1_000),
    mean_seconds_to_resolve: rounded(period.resolveSeconds, 1_000),
    mean_risk_score: rounded(period.meanRisk, 100),
    max_risk_score: period.maxRisk,
  };
}

const sum = (groups: readonly Unresolved[]) => groups.reduce((all, { many }) => all + many, 0);

/** A count for each name, 0 where there is none. */
function countBy<Name extends string>(
  names: readonly Name[],
  groups: readonly Unresolved[],
  nameOf: (group: Unresolved) => Name,
): Record<Name, number> {
  const counted = names.map((name) => [
    name,
    sum(groups.filter((group) => nameOf(group) === name)),
  ]);
  return Object.fromEntries(counted) as Record<Name, number>;
}

const rounded = (value: number | null, parts: number) =>
  value === null ? null : Math.round(value * parts) / parts;
