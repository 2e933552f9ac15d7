import { z } from "@hono/zod-openapi";
import { strictQuery, Time } from "../../platform/http/schemas.ts";
import { SEVERITIES } from "../rules/index.ts";
import { SIGNAL_SOURCES } from "../signals/index.ts";

const count = z.number().int().min(0).openapi({ example: 1 });

/** A count for each of these. */
function counts<const Names extends readonly string[]>(names: Names) {
  return z.object(
    Object.fromEntries(names.map((name) => [name, count])) as Record<Names[number], typeof count>,
  );
}

export const Stats = z
  .object({
    total_signals: count.describe("Signals that are kept, whatever their status."),
    critical: count.describe("Those of them that are critical."),
    warning: count.describe("Those of them that are warnings."),
    uptime: z
      .number()
      .min(0)
      .max(100)
      .openapi({
        description:
          "Percent of the last 30 days, or of the tenant's life if that is shorter, for which no " +
          "downtime was reported. Each report counts in full, so report an outage once.",
        example: 99.982,
      }),
  })
  .openapi("Stats");

const seconds = z.number().min(0).nullable().openapi({ example: 84.5 });
const score = z.number().min(0).nullable().openapi({ example: 13.86 });

/** Of those that are not resolved, these are the statuses. */
export const UNRESOLVED = ["open", "acknowledged"] as const;

export const SignalMetrics = z
  .object({
    from: Time.openapi({ example: "2026-10-22T09:30:00.000Z" }),
    to: Time,
    unresolved: z
      .object({
        total: count,
        by_severity: counts(SEVERITIES),
        by_status: counts(UNRESOLVED),
        by_source: counts(SIGNAL_SOURCES),
      })
      .describe("Signals that are not resolved now, whenever they were opened."),
    opened: count.describe("Signals that were opened from `from` until before `to`."),
    mean_seconds_to_acknowledge: seconds.describe(
      "MTTA: mean time to acknowledge those opened then that were acknowledged; null if none was.",
    ),
    mean_seconds_to_resolve: seconds.describe(
      "MTTR: mean time to resolve those opened then that are resolved; null if none is.",
    ),
    mean_risk_score: score.describe("Null if none was opened."),
    max_risk_score: score.describe("Null if none was opened."),
  })
  .openapi("SignalMetrics");

const time = z.iso.datetime({ offset: true }).optional();

export const MetricsQuery = strictQuery({
  from: time.openapi({ description: "Opened at or after; 30 days before `to` by default." }),
  to: time.openapi({ description: "Opened before; now by default." }),
});
