import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time } from "../../platform/http/schemas.ts";

export const Event = z
  .object({
    id: id("event"),
    type: z.string().openapi({ example: "payment.succeeded" }),
    source: z.string().openapi({
      description: "Where it comes from: `webhook:` and the slug of the service.",
      example: "webhook:stripe",
    }),
    source_id: z.string().openapi({
      description: "Id of the received webhook that it was made from.",
      example: "whevent_01jdn2z7q5e8t9v0w1x2y3z4a5",
    }),
    subject: z.string().nullable().openapi({
      description: "What it is about, in the source's own words.",
      example: "pay_1042",
    }),
    occurred_at: Time,
    recorded_at: Time,
    metadata: z.record(z.string(), z.unknown()).openapi({ example: { amount: 1200 } }),
  })
  .openapi("Event");

export const EventPage = pageOf(Event, "EventPage");

const filter = z.string().min(1).max(255).optional();

export const EventQuery = strictQuery({
  ...pageQuery,
  type: filter.openapi({ description: "Such as `payment.succeeded`." }),
  subject: filter.openapi({ description: "What it is about." }),
  source_id: filter.openapi({ description: "Id of the received webhook that it was made from." }),
  from: z.iso.datetime({ offset: true }).optional().openapi({
    description: "Happened at or after; the list then goes by when things happened.",
  }),
  to: z.iso.datetime({ offset: true }).optional().openapi({
    description: "Happened before; the list then goes by when things happened.",
  }),
});
