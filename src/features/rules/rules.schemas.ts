import { z } from "@hono/zod-openapi";
import {
  id,
  pageOf,
  pageQuery,
  queryFlag,
  strictQuery,
  Time,
} from "../../platform/http/schemas.ts";
import { MOST_RULES } from "./rules.repository.ts";
import { RULE_OPERATORS, SEVERITIES } from "./rules.tables.ts";
import { METRIC } from "./samples.ts";

/** Beyond this no measure is meant, and whole numbers are no longer told apart. */
const LARGEST = 1e15;

export const MetricName = z.string().regex(METRIC, "takes 1 to 100 letters, digits and . _ : -");
const metric = MetricName.openapi({
  description:
    "As in the metadata of events, or as in the metric of a posted signal. Letters' case counts.",
  example: "checkout_latency_ms",
});
const operator = z.enum(RULE_OPERATORS).openapi({ example: ">" });
const threshold = z.number().min(-LARGEST).max(LARGEST).openapi({ example: 750 });
const durationSeconds = z.int().min(0).max(86_400).openapi({
  description: "How long the breach has to last. With 0 the first value opens a signal.",
  example: 60,
});
const severity = z.enum(SEVERITIES).openapi({ example: "high" });
const active = z.boolean().openapi({ example: true });

/** What holds for the values of one rule together. */
const POSSIBLE =
  "A threshold that no value can breach is refused: metrics whose names end in `_percent` are taken to " +
  "lie between 0 and 100, and those that end in `_ms`, `_seconds`, `_minutes`, `_bytes` or `_count` to be " +
  "0 or more.";

export const NewSignalRule = z
  .strictObject({
    metric,
    operator,
    threshold,
    duration_seconds: durationSeconds.default(0),
    severity,
    active: active.default(true),
  })
  .openapi("NewSignalRule", {
    description: `${POSSIBLE} A tenant has at most ${MOST_RULES} rules.`,
  });

export const SignalRuleChanges = z
  .strictObject({
    metric: metric.optional(),
    operator: operator.optional(),
    threshold: threshold.optional(),
    duration_seconds: durationSeconds.optional(),
    severity: severity.optional(),
    active: active.optional(),
  })
  .refine((changes) => Object.keys(changes).length > 0, "names nothing to change")
  .openapi("SignalRuleChanges", {
    description: `What is left out stays as it is. ${POSSIBLE}`,
    minProperties: 1,
  });

export const SignalRule = z
  .object({
    id: id("rule"),
    metric: z.string().openapi({ example: "checkout_latency_ms" }),
    operator,
    threshold: z.number().openapi({ example: 750 }),
    duration_seconds: z.int().openapi({ example: 60 }),
    severity,
    active,
    breached_since: Time.nullable().openapi({
      description: "When the first value of the breach that goes on was measured.",
      example: null,
    }),
    last_sample_at: Time.nullable().describe(
      "When the newest value was measured that the rule was held against.",
    ),
    created_at: Time,
    updated_at: Time,
  })
  .openapi("SignalRule");

export const SignalRulePage = pageOf(SignalRule, "SignalRulePage");

export const SignalRuleQuery = strictQuery({
  ...pageQuery,
  metric: metric.optional(),
  active: queryFlag("Only those that are switched on, or only those that are off."),
});
