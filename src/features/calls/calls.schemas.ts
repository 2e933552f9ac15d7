import { z } from "@hono/zod-openapi";
import { BREAKER_MODES, BREAKER_STATES } from "../../platform/breaker/index.ts";
import { Time } from "../../platform/http/schemas.ts";
import { BreakerOptionsShown } from "../services/index.ts";
import { METHODS } from "./calls.service.ts";
import { MOST_BYTES } from "./request-body.ts";

const LONGEST_PATH = 4_000;
/** Longest value of a query parameter, and most values of one call. */
const LONGEST_VALUE = 4_000;
const MOST_VALUES = 100;
/** Most headers of one call, and the longest value, in characters. */
const MOST_HEADERS = 50;
const LONGEST_HEADER = 4_096;

const QueryValue = z.string().max(LONGEST_VALUE);

export const ServiceCall = z
  .strictObject({
    method: z.enum(METHODS).openapi({ example: "POST" }),
    path: z.string().min(1).max(LONGEST_PATH).openapi({
      description: "Below the service's `base_url`; begins with `/`, and never leads out of it.",
      example: "/orders",
    }),
    query: z
      .record(
        z.string().max(LONGEST_VALUE),
        z.union([QueryValue, z.array(QueryValue).max(MOST_VALUES)]),
      )
      .refine((query) => Object.keys(query).length <= MOST_VALUES, {
        message: `takes at most ${MOST_VALUES} names`,
        abort: true,
      })
      .refine((query) => Object.values(query).flat().length <= MOST_VALUES, {
        message: `takes at most ${MOST_VALUES} values`,
      })
      .optional()
      .openapi({ example: { expand: "customer" } }),
    headers: z
      .record(z.string(), z.string().max(LONGEST_HEADER))
      .refine((headers) => Object.keys(headers).length <= MOST_HEADERS, {
        message: `takes at most ${MOST_HEADERS} headers`,
      })
      .optional()
      .openapi({
        description:
          "`Accept`, `Content-Type`, conditions and ranges, headers of applications such as `X-…`. " +
          "The credential is added here and cannot be given.",
        example: { accept: "application/json" },
      }),
    body: z
      .unknown()
      .optional()
      .openapi({
        description:
          "A JSON value, or text where `headers` name another content type than JSON. Null or left " +
          `out: none. At most ${MOST_BYTES} bytes.`,
        example: { sku: "A-7", quantity: 2 },
      }),
  })
  .openapi("ServiceCall");

export const ServiceReply = z
  .object({
    status: z.int().openapi({ description: "The service's own status.", example: 201 }),
    headers: z.record(z.string(), z.string()).openapi({
      description: "Without `Set-Cookie`, and by names in small letters.",
      example: { "content-type": "application/json" },
    }),
    body: z.unknown().openapi({ example: { id: "order_1042" } }),
    body_encoding: z
      .enum(["json", "text", "base64"])
      .nullable()
      .openapi({
        description:
          "`json`: `body` is the value; `text`: the body as text; `base64`: anything else, and JSON " +
          "that another reader could understand otherwise. Null: there is none.",
        example: "json",
      }),
    cached: z.boolean().openapi({
      description: "Whether an earlier answer was still fresh, as the service said.",
      example: false,
    }),
    attempts: z.int().openapi({ description: "0 where it was not asked.", example: 1 }),
    duration_ms: z.int().openapi({ example: 84 }),
  })
  .openapi("ServiceReply");

const percent = z.number().nullable().openapi({ example: 12.5 });
const counted = z.int().openapi({ example: 8 });

export const Breaker = z
  .object({
    state: z.enum(BREAKER_STATES).openapi({
      description:
        "`closed`: calls go through; `open`: none do; `half_open`: a few, to see whether the service " +
        "is back. `forced_open` and `disabled` were ordered by hand.",
      example: "closed",
    }),
    mode: z.enum(BREAKER_MODES).openapi({
      description: "What was ordered last; `disabled` holds it closed.",
      example: "automatic",
    }),
    since: Time.describe("When the state began."),
    retry_after: z.int().nullable().openapi({
      description: "Seconds until a call is let through, while it is open.",
      example: null,
    }),
    failure_rate: percent.describe("Per cent of the calls; null while they are too few to judge."),
    slow_call_rate: percent.describe("The same of slow ones."),
    calls: counted.describe("Those that it judges by."),
    failed_calls: counted,
    slow_calls: counted,
    half_open_permits_in_use: counted,
    openings: counted.describe("How often it opened in a row."),
    options: BreakerOptionsShown,
  })
  .openapi("Breaker");
