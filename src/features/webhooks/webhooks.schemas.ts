import { z } from "@hono/zod-openapi";
import { BREAKER_STATES } from "../../platform/breaker/index.ts";
import { id, pageOf, pageQuery, strictQuery, Time } from "../../platform/http/schemas.ts";
import { MOST_COUNTED } from "./inspect.service.ts";
import { MOST_REPLAYED } from "./replay.service.ts";
import { EVENT_STATES, REJECTION_REASONS } from "./webhooks.tables.ts";

const eventId = id("webhookEvent");
const service = z.string().openapi({ example: "stripe" });
const type = z.string().openapi({ example: "payment.succeeded" });
const status = z.enum(EVENT_STATES).openapi({
  description:
    "`pending`, `processing`, then `completed`; `failed` is tried again, `dead_letter` only when it " +
    "is replayed. `archived`: over, and its payload is not kept any more.",
  example: "completed",
});

export const Receipt = z
  .union([
    z.object({
      status: z.enum(["accepted", "duplicate"]),
      event_id: eventId.describe("Of the first one, where this is a duplicate."),
    }),
    z.object({ challenge: z.string().describe("Slack's question when a URL is set up.") }),
  ])
  .openapi("WebhookReceipt", {
    example: { status: "accepted", event_id: "whevent_01jdn2z7q5e8t9v0w1x2y3z4a5" },
  });

export const BatchReceipt = z
  .object({
    accepted: z.int().openapi({ example: 2 }),
    duplicate: z.int().openapi({ example: 1 }),
    rejected: z.int().openapi({ example: 0 }),
    results: z.array(
      z.object({
        index: z.int(),
        status: z.enum(["accepted", "duplicate", "rejected"]),
        event_id: eventId.optional(),
        reason: z.string().optional().describe("Why it was rejected."),
      }),
    ),
  })
  .openapi("WebhookBatchReceipt");

export const TestEvent = z
  .strictObject({
    // Some schemes put it into a header.
    type: z
      .string()
      .regex(/^[\w.:/-]{1,100}$/, "takes 1 to 100 letters, digits and . _ : / -")
      .default("test.ping")
      .openapi({ example: "payment.succeeded" }),
    data: z
      .record(z.string(), z.unknown())
      .optional()
      .openapi({ description: "What the sample tells.", example: { id: "pay_1042" } }),
  })
  .openapi("TestWebhook");

const shared = {
  id: eventId,
  service,
  type,
  provider_id: z.string().nullable().openapi({
    description: "The provider's own id, if it gave one.",
    example: "evt_1QABCD",
  }),
  conflicting: z.boolean().describe("Whether that id had come before with another body."),
  test: z.boolean().describe("Whether the tenant sent it to itself."),
  status,
  replay: z.boolean().openapi({
    description: "Whether it was asked for again after it had failed.",
    example: false,
  }),
  attempts: z.int().openapi({ description: "Attempts begun.", example: 1 }),
  last_error: z.string().nullable().openapi({ example: null }),
  size: z.int().openapi({ description: "Bytes of the body.", example: 512 }),
  received_at: Time,
  next_attempt_at: Time.nullable().describe("While it is failed, or was postponed."),
  ended_at: Time.nullable().describe("When it was completed, or given up."),
};

export const WebhookEvent = z.object(shared).openapi("WebhookEvent");
export const WebhookEventPage = pageOf(WebhookEvent, "WebhookEventPage");

export const WebhookEventDetail = z
  .object({
    ...shared,
    attempt_log: z.array(
      z.object({
        number: z.int(),
        started_at: Time,
        ended_at: Time.nullable(),
        outcome: z
          .enum(["completed", "failed", "postponed", "running", "lost"])
          .describe(
            "`postponed`: a service that it needs is left in peace; only the last such is kept, and " +
              "none counts. `lost`: it began and never ended.",
          ),
        error: z.string().nullable(),
      }),
    ),
    payload: z
      .object({
        content_type: z.string(),
        encoding: z.enum(["utf-8", "base64"]),
        body: z.string().describe("As it was received."),
      })
      .nullable()
      .describe("Null where the caller's role may not see it, or it is not kept any more."),
  })
  .openapi("WebhookEventDetail");

const filter = z.string().min(1).max(255).optional();
const times = {
  from: z.iso.datetime({ offset: true }).optional().openapi({ description: "At or after." }),
  to: z.iso.datetime({ offset: true }).optional().openapi({ description: "Before." }),
};

export const WebhookEventQuery = strictQuery({
  ...pageQuery,
  status: z.enum(EVENT_STATES).optional(),
  service: filter.openapi({ description: "Slug of the service." }),
  type: filter.openapi({ description: "Such as `payment.succeeded`." }),
  ...times,
});

export const DeadLetterSelection = z
  .strictObject({
    service: filter.openapi({ example: "stripe" }),
    type: filter.openapi({ example: "payment.refunded" }),
    ...times,
    dry_run: z.boolean().default(false).openapi({
      description: "Only count.",
      example: true,
    }),
  })
  .openapi("DeadLetterSelection", {
    description: `Which dead letters; at most ${MOST_REPLAYED} a call, the oldest first.`,
  });

export const BulkReplay = z
  .object({
    matched: z.int().openapi({
      description:
        "Dead letters that fit, if they were only counted; else those that were replayed.",
      example: 12,
    }),
    replayed: z.int().openapi({ description: "Those that are tried again.", example: 12 }),
    more: z.boolean().openapi({
      description: `Whether more fit than the ${MOST_REPLAYED} that one call replays.`,
      example: false,
    }),
  })
  .openapi("BulkReplay");

export const Rejection = z
  .object({
    hour: Time.describe("The hour that is summed."),
    service: service.nullable().describe("Null where there is no such service."),
    reason: z.enum(REJECTION_REASONS).openapi({ example: "signature-mismatch" }),
    count: z.int().openapi({ example: 3 }),
    first_at: Time,
    last_at: Time,
  })
  .openapi("WebhookRejection");
export const RejectionPage = pageOf(Rejection, "WebhookRejectionPage");
export const RejectionQuery = strictQuery({
  ...pageQuery,
  service: filter.openapi({ description: "Slug of the service." }),
  reason: z.enum(REJECTION_REASONS).optional(),
});

export const WebhookHealth = z
  .object({
    status: z.enum(["ok", "delayed"]).describe("`delayed`: events wait for more than 5 minutes."),
    counts: z
      .object(Object.fromEntries(EVENT_STATES.map((state) => [state, z.int()])))
      .optional()
      .describe(
        `Events by state, for those who may read them. ${MOST_COUNTED} means so many or more.`,
      ),
    oldest_pending_seconds: z.number().nullable().optional(),
    consumer_seen_at: Time.nullable().optional().describe("When a consumer was last here."),
    breakers: z
      .array(z.object({ service, state: z.enum([...BREAKER_STATES, "unknown"]) }))
      .optional()
      .describe(
        "Circuit breakers of services that are called, at most 20, for those who may read " +
          "services. `unknown`: it does not answer.",
      ),
  })
  .openapi("WebhookHealth");
