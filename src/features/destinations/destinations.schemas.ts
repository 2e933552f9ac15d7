import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time, text } from "../../platform/http/schemas.ts";
import { MOST_DESTINATIONS } from "./destinations.repository.ts";
import { DESTINATION_STATES, DISABLED_REASONS } from "./destinations.tables.ts";

const MOST_TYPES = 100;

/** A type, or a family, which ends with a dot and an asterisk. */
const TYPE = /^[^\p{Cc}\p{Cs}\s*]+(?:\.\*)?$/u;
const eventType = z
  .string()
  .max(255)
  .regex(TYPE, "must be an event type, or a family such as payment.*")
  // Said again, because the generator would put the flag into the pattern.
  .openapi({ pattern: TYPE.source });

const url = z
  .url({ protocol: /^https?$/ })
  .max(2_000)
  .openapi({
    description:
      "Where events are posted to; https. Nothing is sent into private networks or to this platform.",
    example: "https://hooks.acme.example/rowhouse",
  });
const description = text(200).nullable().openapi({ example: "Orders for the warehouse" });
const eventTypes = z
  .array(eventType)
  .min(1)
  .max(MOST_TYPES)
  .nullable()
  .openapi({
    description: "Types such as `payment.succeeded`, and families such as `payment.*`. Null: all.",
    example: ["payment.*", "user.created"],
  });
const status = z.enum(DESTINATION_STATES).openapi({ example: "enabled" });

export const NewDestination = z
  .strictObject({
    url,
    description: description.optional(),
    event_types: eventTypes.optional(),
  })
  .openapi("NewDestination", {
    description: `A tenant has at most ${MOST_DESTINATIONS} destinations.`,
  });

export const DestinationChanges = z
  .strictObject({
    url: url.optional(),
    description: description.optional(),
    event_types: eventTypes.optional(),
    status: status
      .optional()
      .describe(
        "Disabling ends all deliveries that wait, of many not all at once; enabling begins with what comes next, and is a `conflict` until the last of them has ended.",
      ),
  })
  .refine((changes) => Object.keys(changes).length > 0, "names nothing to change")
  .openapi("DestinationChanges", {
    description: "What is left out stays as it is.",
    minProperties: 1,
  });

const secretInfo = z.object({
  id: id("secret"),
  created_at: Time,
  expires_at: Time.nullable().describe("Null for the newest."),
});

const shared = {
  id: id("destination"),
  url: z.string().openapi({ example: "https://hooks.acme.example/rowhouse" }),
  description: z.string().nullable().openapi({ example: "Orders for the warehouse" }),
  event_types: z
    .array(z.string())
    .nullable()
    .openapi({ example: ["payment.*"] }),
  status: status.openapi({
    description: "While it is `disabled` no event is queued for it, and none is queued afterwards.",
  }),
  disabled_reason: z
    .enum(DISABLED_REASONS)
    .nullable()
    .describe("`gone`: it answered 410. `failing`: it failed for 5 days, at least 3 times."),
  disabled_at: Time.nullable(),
  failing_since: Time.nullable().describe("The first failure after the last success."),
  paused_until: Time.nullable().describe(
    "Until then nothing is sent: it asked for that with `Retry-After`, or its circuit breaker is open.",
  ),
  secrets: z.array(secretInfo).describe("Those that sign, the newest first."),
  created_at: Time,
  updated_at: Time,
};

export const Destination = z.object(shared).openapi("Destination");
export const DestinationPage = pageOf(Destination, "DestinationPage");
export const DestinationQuery = strictQuery(pageQuery);

export const DestinationWithSecret = z
  .object({
    ...shared,
    secret: z.string().openapi({
      description: "To verify deliveries with (Standard Webhooks). It is shown this once.",
      example: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
    }),
  })
  .openapi("DestinationWithSecret");
