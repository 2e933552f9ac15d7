import { z } from "@hono/zod-openapi";
import { BREAKER_BOUNDS, BREAKER_DEFAULTS } from "../../platform/breaker/index.ts";
import { id } from "../../platform/http/schemas.ts";
import { mayBeNamed } from "../../platform/outbound/index.ts";
import { API_DEFAULTS } from "./api-settings.ts";

/** Longest secret, name or password, in characters. */
const LONGEST = 2_000;

/** What the platform adds to calls itself. */
const OwnHeader = z
  .string()
  .regex(/^[\w!#$%&'*+.^`|~-]{1,64}$/, "is no header name")
  .refine(mayBeNamed, "must be a header that neither HTTP nor proxies use");
const KeyHeader = OwnHeader.refine(
  (name) => name.toLowerCase() !== "idempotency-key",
  "must be a header that HTTP does not use itself",
);
const IdempotencyHeader = OwnHeader.refine(
  (name) => name.toLowerCase() !== "authorization",
  "must not be the header of the credential",
);
const IDEMPOTENCY =
  "Header by which the service tells a repeat from another request. Where it is named, a call with " +
  "an `Idempotency-Key` carries a value there that is the same for the same caller and key, and " +
  "POST and PATCH may be tried again. Left out: the service gets none, and is asked once.";

/** RFC 7617: no colon in the name, no control characters in either. */
const NO_CONTROLS = /^[^\p{Cc}\p{Cs}]*$/u;
const Username = z
  .string()
  .min(1)
  .max(LONGEST)
  .regex(NO_CONTROLS, "must not hold control characters")
  .regex(/^[^:]*$/, "must not hold a colon");
const Password = z
  .string()
  .min(1)
  .max(LONGEST)
  .regex(NO_CONTROLS, "must not hold control characters");
/** What a header can carry, so that nothing goes on in a line of its own. */
const Token = z
  .string()
  .min(1)
  .max(LONGEST)
  .regex(/^[\x21-\x7e]*$/, "takes visible ASCII characters");
const HeaderValue = z
  .string()
  .min(1)
  .max(LONGEST)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, "takes ASCII without control characters");

/** How calls authenticate; `secretOf` makes the write-only part needed or not. */
function authOf<S extends z.ZodType>(secretOf: (secret: z.ZodString) => S) {
  return z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("none") }),
    z.strictObject({ type: z.literal("bearer"), token: secretOf(Token) }),
    z.strictObject({
      type: z.literal("basic"),
      username: Username,
      password: secretOf(Password),
    }),
    z.strictObject({ type: z.literal("header"), name: KeyHeader, value: secretOf(HeaderValue) }),
  ]);
}

const BaseUrl = z
  .url({ protocol: /^https?$/ })
  .max(LONGEST)
  .refine((url) => !/[?#]/.test(url), "must have neither a query nor a fragment")
  .openapi({
    description:
      "Paths of calls stand below it. https, on an address of the public internet. Another origin " +
      "voids the credential until it is entered again.",
    example: "https://api.partner.example/v1",
  });

const timeout = z
  .int()
  .min(100)
  .max(30_000)
  .openapi({
    description:
      "For a whole call, all attempts and the last byte of the answer, in ms. " +
      `Left out: ${API_DEFAULTS.timeoutMs}.`,
    example: API_DEFAULTS.timeoutMs,
  });
const attempts = z
  .int()
  .min(1)
  .max(5)
  .openapi({
    description: `Of what may be asked twice. Left out: ${API_DEFAULTS.maxAttempts}.`,
    example: API_DEFAULTS.maxAttempts,
  });
const base = z
  .int()
  .min(50)
  .max(5_000)
  .openapi({
    description: `Longest first pause, in ms; it doubles with each. Left out: ${API_DEFAULTS.baseMs}.`,
    example: API_DEFAULTS.baseMs,
  });
const rate = z.int().min(1).max(1_000);
const RATE = "Calls a second, of the whole tenant. Left out: as fast as they come.";

/** Whole numbers between the breaker's own bounds. */
const within = (option: keyof typeof BREAKER_BOUNDS, description: string) =>
  z
    .int()
    .min(BREAKER_BOUNDS[option].min)
    .max(BREAKER_BOUNDS[option].max)
    .openapi({
      description: `${description} Left out: ${BREAKER_DEFAULTS[option]}.`,
      example: BREAKER_DEFAULTS[option],
    });

/** Of the circuit breaker; names are resilience4j's. */
const breakerOptions = {
  sliding_window_type: z.enum(["count", "time"]).openapi({
    description:
      "`count`: the last so many calls are judged; `time`: those of the last so many seconds. " +
      `Left out: ${BREAKER_DEFAULTS.sliding_window_type}.`,
    example: BREAKER_DEFAULTS.sliding_window_type,
  }),
  sliding_window_size: within("sliding_window_size", "Calls, or seconds."),
  minimum_calls: within("minimum_calls", "Calls in the window before any rate is judged."),
  failure_rate_threshold: within("failure_rate_threshold", "Per cent of failures that open it."),
  slow_call_rate_threshold: within(
    "slow_call_rate_threshold",
    "Per cent of slow calls that open it.",
  ),
  slow_call_duration_ms: within("slow_call_duration_ms", "From when on a call is slow."),
  open_ms: within("open_ms", "How long it stays open the first time."),
  open_max_ms: within("open_max_ms", "And at most, as it doubles with each time in a row."),
  permitted_calls_in_half_open: within(
    "permitted_calls_in_half_open",
    "Calls let through to see whether the service is back.",
  ),
  slow_start_ms: within(
    "slow_start_ms",
    "How long after recovery only a growing share of the calls is let through.",
  ),
};

export const BreakerOptionsShown = z.object(breakerOptions).openapi("BreakerOptions");

const BreakerChanges = z
  .strictObject(breakerOptions)
  .partial()
  .superRefine((given, check) => {
    const open = given.open_ms ?? BREAKER_DEFAULTS.open_ms;
    const most = given.open_max_ms ?? BREAKER_DEFAULTS.open_max_ms;
    if (most >= open) return;
    const message = "must not be less than open_ms";
    check.addIssue({ code: "custom", path: ["open_max_ms"], message });
  });

function apiOf<S extends z.ZodType>(secretOf: (secret: z.ZodString) => S) {
  return z
    .strictObject({
      base_url: BaseUrl,
      auth: authOf(secretOf)
        .default({ type: "none" })
        .openapi({
          description: "`token`, `password` and `value` are write-only.",
          example: { type: "bearer", token: "tok_5f8a1c3e9b7d2046" },
        }),
      timeout_ms: timeout.optional(),
      retry: z
        .strictObject({ max_attempts: attempts.optional(), base_ms: base.optional() })
        .optional(),
      rate_limit_per_second: rate.optional().openapi({ description: RATE, example: 50 }),
      idempotency_header: IdempotencyHeader.optional().openapi({
        description: IDEMPOTENCY,
        example: "Idempotency-Key",
      }),
      breaker: BreakerChanges.optional(),
    })
    .superRefine(({ auth, idempotency_header: header }, check) => {
      if (!("name" in auth) || header?.toLowerCase() !== auth.name.toLowerCase()) return;
      const message = "must not be the header of the credential";
      check.addIssue({ code: "custom", path: ["idempotency_header"], message });
    });
}

export const NewApi = apiOf((secret) => secret).openapi("NewServiceApi");

export const ApiChanges = apiOf((secret) => secret.optional()).openapi("ServiceApiChanges", {
  description:
    "Replaces the settings. Without the secret the one that is there stays, as long as origin and " +
    "type of authentication do.",
});
/** The section as it comes in. */
export type ApiInput = z.output<typeof ApiChanges>;
export type AuthInput = ApiInput["auth"];

export const Api = z
  .object({
    base_url: z.string().openapi({ example: "https://api.partner.example/v1" }),
    auth: z.object({
      type: z.enum(["none", "bearer", "basic", "header"]),
      username: z.string().optional(),
      name: z.string().optional(),
    }),
    credential: z
      .object({ id: id("secret") })
      .nullable()
      .describe("Null: there is none, or it is void since the origin or the type changed."),
    timeout_ms: timeout,
    retry: z.object({ max_attempts: attempts, base_ms: base }),
    rate_limit_per_second: rate.nullable().openapi({ description: RATE, example: 50 }),
    idempotency_header: z
      .string()
      .nullable()
      .openapi({ description: IDEMPOTENCY, example: "Idempotency-Key" }),
    breaker: BreakerOptionsShown,
  })
  .openapi("ServiceApi");
