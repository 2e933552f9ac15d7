import { z } from "@hono/zod-openapi";
import { id, idParams, pageOf, pageQuery, strictQuery, Time } from "../../platform/http/schemas.ts";
import { DELIVERY_STATES } from "./destinations.tables.ts";
import { MOST_RESENT } from "./resend.service.ts";
import { MOST_TRIES } from "./schedule.ts";

const type = z.string().openapi({ example: "payment.succeeded" });

export const deliveryParams = idParams("destination").extend({
  delivery_id: id("delivery").openapi({ param: { name: "delivery_id", in: "path" } }),
});

const shared = {
  id: id("delivery"),
  event_id: id("event").describe("Also the `webhook-id` of each attempt."),
  event_type: type,
  sample: z.boolean().describe("Whether the tenant asked for it, and no such event is recorded."),
  status: z.enum(DELIVERY_STATES).openapi({
    description: `\`pending\` until it is delivered or has failed ${MOST_TRIES} times.`,
    example: "delivered",
  }),
  attempts: z.int().openapi({ description: "Attempts begun.", example: 1 }),
  response_status: z.int().nullable().openapi({
    description: "What the last attempt was answered, if it was.",
    example: 200,
  }),
  last_error: z.string().nullable().openapi({ example: null }),
  created_at: Time,
  next_attempt_at: Time.nullable().describe(
    "While it is pending; later, if its destination is paused.",
  ),
  ended_at: Time.nullable(),
};

export const Delivery = z.object(shared).openapi("Delivery");
export const DeliveryPage = pageOf(Delivery, "DeliveryPage");

export const DeliveryDetail = z
  .object({
    ...shared,
    attempt_log: z.array(
      z.object({
        number: z.int(),
        started_at: Time,
        ended_at: Time.nullable(),
        outcome: z
          .enum(["delivered", "failed", "running", "lost"])
          .describe("`lost`: it began and never ended."),
        response_status: z.int().nullable(),
        duration_ms: z.int().nullable(),
        error: z.string().nullable(),
        response_text: z.string().nullable().describe("The first KiB of what was answered."),
      }),
    ),
  })
  .openapi("DeliveryDetail");

const eventType = z.string().min(1).max(255).optional();

export const DeliveryQuery = strictQuery({
  ...pageQuery,
  status: z.enum(DELIVERY_STATES).optional(),
  event_type: eventType.openapi({ description: "Such as `payment.succeeded`." }),
});

export const ResendSelection = z
  .strictObject({
    status: z
      .enum(["failed", "delivered"])
      .default("failed")
      .openapi({ description: "How they ended.", example: "failed" }),
    event_type: eventType.openapi({ example: "payment.succeeded" }),
    from: z.iso.datetime({ offset: true }).optional().openapi({ description: "At or after." }),
    to: z.iso.datetime({ offset: true }).optional().openapi({ description: "Before." }),
    dry_run: z.boolean().default(false).openapi({ description: "Only count.", example: true }),
  })
  .openapi("ResendSelection", {
    description:
      "Which deliveries, by when their events were recorded; at most " +
      `${MOST_RESENT} a call, the oldest first.`,
  });

export const BulkResend = z
  .object({
    matched: z.int().openapi({
      description: "Deliveries that fit, if they were only counted; else those that are sent anew.",
      example: 12,
    }),
    resent: z.int().openapi({ example: 12 }),
    more: z.boolean().openapi({
      description: `Whether more fit than the ${MOST_RESENT} that one call sends.`,
      example: false,
    }),
  })
  .openapi("BulkResend");

export const SampleEvent = z
  .strictObject({
    type: z
      .string()
      .regex(/^[\w.:/-]{1,100}$/, "takes 1 to 100 letters, digits and . _ : / -")
      .default("test.ping")
      .openapi({ example: "payment.succeeded" }),
    data: z
      .record(z.string(), z.unknown())
      .optional()
      .openapi({ description: "The event's `metadata`.", example: { amount: 1200 } }),
  })
  .openapi("SampleEvent");
