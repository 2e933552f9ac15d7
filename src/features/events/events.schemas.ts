import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time, text } from "../../platform/http/schemas.ts";
import { validate } from "../../platform/http/validation.ts";
import { Failure } from "../../platform/problems.ts";
import { MOST_SAMPLES } from "../rules/index.ts";
import { MOST_EVENTS } from "./create-batch.service.ts";
import { DEEPEST, MOST_BYTES, metadataFault } from "./metadata.ts";

const eventType = z.string().openapi({ example: "ticket_reply" });
const subject = z.string().nullable().openapi({
  description: "What it is about, in the source's own words.",
  example: "ticket_1042",
});

export const Event = z
  .object({
    id: id("event"),
    event_type: eventType,
    source: z.string().openapi({
      description:
        "Where it comes from: `api`, `webhook:` and the slug of the service, or `signals`.",
      example: "api",
    }),
    source_id: z.string().openapi({
      description:
        "What it was made from: the id of the request, the received webhook or the signal.",
      example: "req_01jdn2z7q5e8t9v0w1x2y3z4a5",
    }),
    subject,
    actor_id: id("actor").nullable().describe("Null where nobody of the tenant did it."),
    timestamp: Time.describe("When it happened."),
    recorded_at: Time,
    metadata: z.record(z.string(), z.unknown()).openapi({ example: { response_time_sec: 42 } }),
  })
  .openapi("Event");

export const EventPage = pageOf(Event, "EventPage");

const filter = z.string().min(1).max(255).optional();

export const EventQuery = strictQuery({
  ...pageQuery,
  type: filter.openapi({ description: "Such as `payment.succeeded`." }),
  actor_id: id("actor").optional().describe("Who did it."),
  subject: filter.openapi({ description: "What it is about." }),
  source_id: filter.openapi({ description: "Id of what it was made from." }),
  from: z.iso.datetime({ offset: true }).optional().openapi({
    description: "Happened at or after; the list then goes by when things happened.",
  }),
  to: z.iso.datetime({ offset: true }).optional().openapi({
    description: "Happened before; the list then goes by when things happened.",
  }),
});

/** Not a record of zod's, which drops a name that is refused here. */
const Metadata = z
  .custom<Record<string, unknown>>()
  .superRefine((value, ctx) => {
    if (value === undefined) return;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    const fault = isObject ? metadataFault(value) : { path: [], message: "must be an object" };
    if (fault) ctx.addIssue({ code: "custom", message: fault.message, path: [...fault.path] });
  })
  .openapi({
    type: "object",
    additionalProperties: true,
    description:
      `At most ${MOST_BYTES} bytes and ${DEEPEST} levels. Numbers at its top level are values of the ` +
      `metrics of those names, which rules watch: the first ${MOST_SAMPLES} whose names a metric may have.`,
    example: { response_time_sec: 42, message_length: 180 },
  });

export const NewEvent = z
  .strictObject({
    actor_id: id("actor").describe("An active actor."),
    event_type: text(255).openapi({ example: "ticket_reply" }),
    timestamp: z.iso.datetime({ offset: true }).optional().openapi({
      description:
        "When it happened; now, if it is left out. At most 5 minutes ahead, and not before what is kept.",
      example: "2026-11-21T09:30:00.000Z",
    }),
    subject: text(255).nullable().optional().openapi({ example: "ticket_1042" }),
    metadata: Metadata.optional(),
  })
  .openapi("NewEvent");

/** What is known of one event of a batch before the database is asked. */
type Element =
  | { readonly input: z.output<typeof NewEvent> }
  | { readonly errors: NonNullable<Failure["options"]["errors"]> };

/** A wrong one is told by its index, and stops no other. */
function readElement(value: unknown): Element {
  try {
    return { input: validate(NewEvent, value, "") };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { errors: error.options.errors ?? [] };
  }
}

export const NewEvents = z
  .strictObject({
    events: z
      .array(z.unknown().transform(readElement))
      .min(1)
      .max(MOST_EVENTS)
      .openapi({
        // To readers of the document; to us any value is one that has an outcome.
        items: { $ref: "#/components/schemas/NewEvent" },
        description: "Each as the body of `POST /events`.",
        example: [{ actor_id: "actor_01jdn2z7q5e8t9v0w1x2y3z4a5", event_type: "ticket_reply" }],
      }),
  })
  .openapi("NewEvents");

export const EventReceipts = z
  .object({
    created: z.int().openapi({ example: 2 }),
    rejected: z.int().openapi({ example: 0 }),
    results: z.array(
      z.object({
        index: z.int(),
        status: z.enum(["created", "rejected"]),
        event_id: id("event").optional(),
        errors: z
          .array(z.object({ pointer: z.string(), message: z.string() }))
          .optional()
          .describe("Why it was rejected; the pointers begin at this event."),
      }),
    ),
  })
  .openapi("EventReceipts");
