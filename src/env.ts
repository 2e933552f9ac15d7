import { z } from "zod";
import type { CircuitBreaker } from "./platform/breaker/circuit-breaker.ts";
import { type MasterKey, parseMasterKey } from "./platform/crypto/master-key.ts";
import { Origins } from "./platform/http/origins.ts";
import { Plans, USUAL_PLANS } from "./platform/limits/plans.ts";
import type { RateLimiter } from "./platform/limits/rate-limiter.ts";
import { LOG_LEVELS } from "./platform/observe/logger.ts";
import { REGIONS } from "./platform/regions.ts";
import type { LiveStream } from "./platform/stream/live-stream.ts";

const integer = (fallback: number, min: number, max: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

/** A setting that is written as JSON. */
function json<T>(schema: z.ZodType<T>, fallback: T) {
  return z.preprocess((value, ctx) => {
    if (typeof value !== "string") return value ?? fallback;
    try {
      return JSON.parse(value) as unknown;
    } catch {
      ctx.addIssue("is not valid JSON");
      return z.NEVER;
    }
  }, schema);
}

/** What `ADDRESS_GUARD` in wrangler.toml lets through of one address a minute. */
const GUARD_PER_MINUTE = 1_000;

const Vars = z
  .object({
    /** A missing value means production, so that a forgotten setting never opens a door. */
    ENVIRONMENT: z.enum(["production", "development", "test"]).default("production"),
    /** Origin of the platform door; tenants live one label below its host. */
    BASE_URL: z.url({ protocol: /^https?$/ }).transform((text) => new URL(text)),
    /** Name of this deployment; tenants of other cells are not ours to serve. */
    CELL: z.string().regex(/^[a-z0-9-]{1,40}$/),
    /** Where this deployment keeps its data: what it is bound to was made there. Unset: anywhere. */
    REGION: z.enum(REGIONS).optional(),
    REGISTRATION: z.enum(["open", "invite", "closed"]).default("closed"),
    REGISTRATIONS_PER_IP_PER_DAY: integer(5, 0, 1_000_000),
    REGISTRATIONS_PER_DAY: integer(200, 0, 1_000_000),
    /** What the tenants of each plan may use. */
    PLANS: json<Plans>(Plans, USUAL_PLANS),
    /** Requests a minute without a token, by address ... */
    ANONYMOUS_PER_MINUTE: integer(120, 1, 10_000_000),
    /** ... of which so many may sign in, renew tokens or register ... */
    SIGN_INS_PER_MINUTE: integer(20, 1, 10_000_000),
    /** ... and tokens, hosts and signatures of one address that may be wrong. */
    FAILURES_PER_MINUTE: integer(60, 1, 10_000_000),
    /** Life of an access token in seconds: 1 minute to 24 hours. */
    ACCESS_TOKEN_SECONDS: integer(900, 60, 86_400),
    /** A refresh token dies when unused for so many seconds ... */
    REFRESH_IDLE_SECONDS: integer(7 * 86_400, 3_600, 30 * 86_400),
    /** ... and a session ends after so many, used or not. */
    SESSION_MAX_SECONDS: integer(30 * 86_400, 3_600, 30 * 86_400),
    /** Age at which a realm's signing key is followed by a new one. */
    SIGNING_KEY_SECONDS: integer(90 * 86_400, 86_400, 365 * 86_400),
    /** Password hashes that may wait in one isolate before callers get 503. */
    PASSWORD_QUEUE: integer(4, 1, 1_000),
    /** log2 of scrypt's N. OWASP's figure; less is refused outside tests. */
    PASSWORD_SCRYPT_LN: integer(14, 4, 17),
    /** Origins that browsers may call from, separated by commas. */
    CORS_ORIGINS: Origins,
    /** Largest JSON body in bytes. */
    MAX_BODY_BYTES: integer(1_048_576, 1_024, 10_485_760),
    /** Days that the payloads and attempts of webhooks are kept ... */
    WEBHOOK_PAYLOAD_DAYS: integer(30, 1, 3_650),
    /** ... and days that an event is remembered, so that a late repeat is known for one. */
    WEBHOOK_EVENT_DAYS: integer(400, 1, 3_650),
    /** Days that events and resolved signals are kept. Uptime looks back 30 days. */
    EVENT_DAYS: integer(400, 30, 3_650),
    /** Days for which the data of a tenant that was deactivated is kept at least. */
    PURGE_GRACE_DAYS: integer(30, 0, 3_650),
    /** Live streams that one user, and one tenant, may hold open. */
    STREAMS_PER_USER: integer(10, 1, 1_000),
    STREAMS_PER_TENANT: integer(500, 1, 10_000),
    LOG_LEVEL: z.enum(LOG_LEVELS).default("info"),
    /** `off` only in the log scan's tests. */
    LOG_REDACTION: z.enum(["on", "off"]).default("on"),
    /** So many tenant migrations and no more: only in tests, which run on the schema before as well. */
    TENANT_SCHEMA: z.coerce.number().int().min(1).optional(),
    VERSION: z.string().default("development"),
    MASTER_KEY: z.string().transform((text, ctx): MasterKey => {
      try {
        return parseMasterKey(text);
      } catch (error) {
        ctx.addIssue((error as Error).message);
        return z.NEVER;
      }
    }),
  })
  .refine((vars) => vars.ENVIRONMENT === "test" || vars.PASSWORD_SCRYPT_LN >= 14, {
    path: ["PASSWORD_SCRYPT_LN"],
    message: "below 14 only in tests",
  })
  .refine((vars) => vars.ENVIRONMENT === "test" || vars.LOG_REDACTION === "on", {
    path: ["LOG_REDACTION"],
    message: "is switched off only in tests",
  })
  .refine((vars) => vars.ENVIRONMENT === "test" || vars.TENANT_SCHEMA === undefined, {
    path: ["TENANT_SCHEMA"],
    message: "is set only in tests",
  })
  .refine((vars) => vars.ENVIRONMENT !== "production" || vars.LOG_LEVEL !== "debug", {
    path: ["LOG_LEVEL"],
    message: "debug lines hold request bodies: not in production",
  })
  .refine((vars) => vars.ENVIRONMENT === "test" || vars.ANONYMOUS_PER_MINUTE <= GUARD_PER_MINUTE, {
    path: ["ANONYMOUS_PER_MINUTE"],
    message: `must not be more than the ${GUARD_PER_MINUTE} of ADDRESS_GUARD`,
  })
  .refine((vars) => vars.WEBHOOK_EVENT_DAYS >= vars.WEBHOOK_PAYLOAD_DAYS, {
    path: ["WEBHOOK_EVENT_DAYS"],
    message: "must not be less than WEBHOOK_PAYLOAD_DAYS",
  })
  .refine((vars) => vars.EVENT_DAYS >= vars.WEBHOOK_PAYLOAD_DAYS, {
    path: ["EVENT_DAYS"],
    message: "must not be less than WEBHOOK_PAYLOAD_DAYS",
  })
  .refine((vars) => vars.ENVIRONMENT !== "production" || vars.BASE_URL.protocol === "https:", {
    path: ["BASE_URL"],
    message: "must be https in production",
  });

/** The Worker's variables and secrets, checked. */
export type Settings = Readonly<z.output<typeof Vars>>;

/** What Cloudflare hands to the Worker: bindings and raw settings. */
export interface Bindings {
  readonly CONTROL_DB: D1Database;
  readonly ASSETS: Fetcher;
  /** Tenants with work due. */
  readonly DOORBELLS: Queue;
  /** Tenants with something to post to other people's servers, which may be slow. */
  readonly DELIVERIES: Queue;
  /** What failed for good, and doorbells that were rung in vain. */
  readonly DEAD_LETTERS: Queue;
  /** Accounts of rate limits: an object per tenant, and one per share of all addresses. */
  readonly RATE_LIMITER: DurableObjectNamespace<RateLimiter>;
  /** An object per tenant and service or destination. */
  readonly CIRCUIT_BREAKER: DurableObjectNamespace<CircuitBreaker>;
  /** An object per tenant, which holds the WebSockets of its live stream. */
  readonly SIGNAL_STREAM: DurableObjectNamespace<LiveStream>;
  /** A counter of this location alone, in front of the objects that keep addresses. */
  readonly ADDRESS_GUARD: RateLimit;
  /** The pool (`TENANT_DB_...`) and the raw variables; read through `pool.ts` and {@link settingsOf}. */
  readonly [name: string]: unknown;
}

const known = new WeakMap<object, Settings>();

/**
 * The settings of this isolate, validated on first use.
 * @throws Error naming every wrong setting, without its value
 */
export function settingsOf(env: Bindings): Settings {
  const seen = known.get(env);
  if (seen) return seen;
  const parsed = Vars.safeParse(env);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`Settings are not valid. ${wrong.join("; ")}`);
  }
  known.set(env, parsed.data);
  return parsed.data;
}
