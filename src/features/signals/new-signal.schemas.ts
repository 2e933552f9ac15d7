import { z } from "@hono/zod-openapi";
import { messageOf } from "../../platform/http/messages.ts";
import { text } from "../../platform/http/schemas.ts";
import { MetricName, SEVERITIES } from "../rules/index.ts";

/** A year: what is told at once cannot be more, and what is summed stays a number. */
const MOST_DOWNTIME_MINUTES = 525_600;

const SlaReport = z
  .strictObject({
    response_time_ms: z.number().min(0).optional().openapi({ example: 900 }),
    error_rate_percent: z.number().min(0).max(100).optional().openapi({ example: 0.4 }),
    downtime_minutes: z
      .number()
      .min(0)
      .max(MOST_DOWNTIME_MINUTES)
      .optional()
      .openapi({ example: 0 }),
  })
  .openapi("SlaReport", {
    description: "What was measured, held against what the company promises.",
    minProperties: 1,
  });

const MetricReading = z
  .strictObject({
    metric: MetricName.openapi({ example: "queue.depth" }),
    metric_value: z.number().openapi({ example: 120 }),
  })
  .openapi("MetricReading", {
    description: "A value of a metric, held against the rules for it.",
  });

const ManualSignal = z
  .strictObject({
    severity: z.enum(SEVERITIES).openapi({ example: "high" }),
    title: text(200).openapi({ example: "Customers cannot pay by card" }),
    description: text(2_000, { lines: true })
      .nullable()
      .optional()
      .openapi({ example: "Since 9:20, all of them." }),
  })
  .openapi("ManualSignal", { description: "What somebody has seen." });

const FORMS = [SlaReport, MetricReading, ManualSignal] as const;
const NAMED =
  "must have one of three forms: an SLA report with at least one of response_time_ms, " +
  "error_rate_percent and downtime_minutes; a reading with metric and metric_value; or, by hand, " +
  "severity, title and description";

type Members = Readonly<Record<string, unknown>>;

/** Exactly one of the forms; of its own, so that what is wrong is said of the form that was meant. */
export const NewSignal = z
  .preprocess(
    (body, check) => {
      if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
      const meant = FORMS.filter((form) => membersOf(form, body as Members).length > 0);
      const [form, other] = meant;
      if (form === undefined || other !== undefined) {
        const path = other ? membersOf(other, body as Members).slice(0, 1) : [];
        check.addIssue({ code: "custom", path, message: NAMED });
        return z.NEVER;
      }
      const parsed = form.safeParse(body, { error: messageOf });
      for (const issue of parsed.error?.issues ?? []) {
        check.issues.push({ ...issue, input: body } as z.core.$ZodRawIssue);
      }
      return body;
    },
    z.union(FORMS, { error: () => NAMED }).openapi({}, { unionPreferredType: "oneOf" }),
  )
  .openapi("NewSignal", { example: { response_time_ms: 900, error_rate_percent: 0.4 } });

/** The members of a body that are of this form. */
function membersOf(form: (typeof FORMS)[number], body: Members): string[] {
  return Object.keys(form.shape).filter((name) => Object.hasOwn(body, name));
}
