import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time, text } from "../../platform/http/schemas.ts";
import { SEVERITIES } from "../rules/index.ts";
import { ORDERINGS } from "./signals.repository.ts";
import { SIGNAL_SOURCES, SIGNAL_STATUSES } from "./signals.tables.ts";

const severity = z.enum(SEVERITIES).openapi({ example: "high" });
const status = z.enum(SIGNAL_STATUSES).openapi({ example: "open" });
const source = z.enum(SIGNAL_SOURCES).openapi({
  description:
    "`manual`: by hand; `sla`: a report of what was measured; `rule`: a rule of a metric; `infra`: " +
    "a reading of a metric, or this platform; `webhook`: what became of a received webhook.",
  example: "sla",
});
const userId = id("user");
const number = z.number().nullable();

export const Signal = z
  .object({
    id: id("signal"),
    source,
    kind: z.string().openapi({
      description: "What it is about: signals of a kind make each other more urgent.",
      example: "sla.response_time",
    }),
    severity,
    status,
    title: z.string().openapi({ example: "Response time over the SLA" }),
    description: z
      .string()
      .nullable()
      .openapi({ example: "Response time 900 ms, promised 800 ms." }),
    response_time_ms: number.openapi({ example: 900 }),
    error_rate_percent: number.openapi({ example: 0.4 }),
    downtime_minutes: number.openapi({ example: 0 }),
    metric: z.string().nullable().openapi({ example: null }),
    metric_value: number.openapi({ example: null }),
    rule_id: id("rule").nullable().openapi({ description: "The rule that opened it." }),
    risk_score: z.number().openapi({
      description:
        "How urgent it was as it was opened: 10·ln(1 + weight·frequency·recency). Weight: low 1, " +
        "medium and warning 2, high 3, critical 5. Frequency: unresolved signals of the kind in the " +
        "evaluation window. Recency: 1, falling to 0.5 at the window's end.",
      example: 13.86,
    }),
    occurrences: z.int().openapi({ description: "How often it was seen.", example: 1 }),
    last_seen_at: Time,
    assignee_id: userId.nullable().openapi({ description: "Who looks after it." }),
    opened_at: Time,
    acknowledged_at: Time.nullable(),
    acknowledged_by: z.string().nullable().openapi({
      description: "As the audit log names principals.",
      example: "user:user_01jdn2z7q5e8t9v0w1x2y3z4a5",
    }),
    resolved_at: Time.nullable(),
    resolved_by: z.string().nullable().openapi({
      description: "As the audit log names principals; `recovery`: what it told of was over.",
      example: "recovery",
    }),
    updated_at: Time,
  })
  .openapi("Signal");

export const SignalPage = pageOf(Signal, "SignalPage");

export const SignalQuery = strictQuery({
  ...pageQuery,
  severity: severity.optional(),
  status: status.optional(),
  source: source.optional(),
  assignee_id: userId.optional().openapi({ description: "Only those that this user looks after." }),
  ordering: z.enum(ORDERINGS).default("-opened_at").openapi({
    description: "`-` means the last, or the most urgent, first.",
    example: "-risk_score",
  }),
});

export const Assignment = z
  .strictObject({
    user_id: userId
      .nullable()
      .openapi({ description: "A user of the tenant who may handle signals; null: nobody." }),
  })
  .openapi("SignalAssignment");

export const Resolution = z
  .strictObject({
    note: text(1_000, { lines: true }).optional().openapi({
      description: "For the audit log.",
      example: "The cache was warmed again.",
    }),
  })
  .optional()
  .openapi("SignalResolution");
