import { describe, expect, it } from "vitest";
import { type Bindings, settingsOf } from "../src/env.ts";
import wrangler from "../wrangler.toml?raw";

const KEY = `one:${"A".repeat(43)}`;

const perMinute = (limit: number) => ({ limit, window_seconds: 60 });
const PLAN = { tenant: perMinute(1), user: perMinute(1), webhooks: perMinute(1) };

/** What a deployment sets at the least. */
const LEAST = { BASE_URL: "https://rowhouse.example", CELL: "eu-1", MASTER_KEY: KEY };

const read = (vars: object) => settingsOf(vars as Bindings);
const complaintOf = (vars: object): string => {
  try {
    read(vars);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

describe("settings", () => {
  it("left out are the careful ones", () => {
    const { BASE_URL, MASTER_KEY, ...others } = read(LEAST);
    expect(BASE_URL.origin).toBe("https://rowhouse.example");
    expect(MASTER_KEY.currentKid).toBe("one");
    expect(others).toEqual({
      ENVIRONMENT: "production",
      CELL: "eu-1",
      REGISTRATION: "closed",
      REGISTRATIONS_PER_IP_PER_DAY: 5,
      REGISTRATIONS_PER_DAY: 200,
      PLANS: {
        standard: {
          tenant: perMinute(600),
          user: perMinute(300),
          webhooks: perMinute(3_000),
          quotas: {
            users: 100,
            services: 25,
            events_per_month: 1_000_000,
            storage_bytes: 2_000_000_000,
          },
        },
        business: {
          tenant: perMinute(6_000),
          user: perMinute(3_000),
          webhooks: perMinute(30_000),
          quotas: {
            users: 2_000,
            services: 250,
            events_per_month: 20_000_000,
            storage_bytes: 8_000_000_000,
          },
        },
      },
      ANONYMOUS_PER_MINUTE: 120,
      SIGN_INS_PER_MINUTE: 20,
      FAILURES_PER_MINUTE: 60,
      ACCESS_TOKEN_SECONDS: 15 * 60,
      REFRESH_IDLE_SECONDS: 7 * 86_400,
      SESSION_MAX_SECONDS: 30 * 86_400,
      SIGNING_KEY_SECONDS: 90 * 86_400,
      PASSWORD_QUEUE: 4,
      PASSWORD_SCRYPT_LN: 14,
      CORS_ORIGINS: [],
      MAX_BODY_BYTES: 1_048_576,
      WEBHOOK_PAYLOAD_DAYS: 30,
      WEBHOOK_EVENT_DAYS: 400,
      EVENT_DAYS: 400,
      PURGE_GRACE_DAYS: 30,
      STREAMS_PER_USER: 10,
      STREAMS_PER_TENANT: 500,
      LOG_LEVEL: "info",
      LOG_REDACTION: "on",
      VERSION: "development",
    });
  });

  it("are read from text, as Cloudflare hands them over", () => {
    const settings = read({
      ...LEAST,
      ACCESS_TOKEN_SECONDS: "60",
      CORS_ORIGINS: " https://a.example, ,http://localhost:5173,",
    });
    expect(settings.ACCESS_TOKEN_SECONDS).toBe(60);
    expect(settings.CORS_ORIGINS).toEqual(["https://a.example", "http://localhost:5173"]);
  });

  it("are validated once per environment", () => {
    const vars = { ...LEAST };
    expect(read(vars)).toBe(read(vars));
    expect(read({ ...LEAST })).not.toBe(read(vars));
  });

  it.each([
    ["a missing ENVIRONMENT means production", { BASE_URL: "http://rowhouse.example" }, "BASE_URL"],
    ["http in production", { ENVIRONMENT: "production", BASE_URL: "http://x.example" }, "BASE_URL"],
    ["debug lines in production", { LOG_LEVEL: "debug" }, "LOG_LEVEL"],
    ["cheap hashes in production", { PASSWORD_SCRYPT_LN: "13" }, "PASSWORD_SCRYPT_LN"],
    [
      "cheap hashes in development",
      { ENVIRONMENT: "development", PASSWORD_SCRYPT_LN: "13" },
      "PASSWORD_SCRYPT_LN",
    ],
    ["open logs in production", { LOG_REDACTION: "off" }, "LOG_REDACTION"],
    [
      "open logs in development",
      { ENVIRONMENT: "development", LOG_REDACTION: "off" },
      "LOG_REDACTION",
    ],
    ["an older schema in production", { TENANT_SCHEMA: "8" }, "TENANT_SCHEMA"],
    [
      "an older schema in development",
      { ENVIRONMENT: "development", TENANT_SCHEMA: "8" },
      "TENANT_SCHEMA",
    ],
    ["an environment nobody knows", { ENVIRONMENT: "staging" }, "ENVIRONMENT"],
    ["an empty environment", { ENVIRONMENT: "" }, "ENVIRONMENT"],
    ["no base", { BASE_URL: undefined }, "BASE_URL"],
    ["a base that is no URL", { BASE_URL: "rowhouse" }, "BASE_URL"],
    ["a base of another kind", { BASE_URL: "ftp://rowhouse.example" }, "BASE_URL"],
    ["no cell", { CELL: undefined }, "CELL"],
    ["a cell that is no name", { CELL: "Cell One" }, "CELL"],
    ["a region that is none", { REGION: "mars" }, "REGION"],
    ["a registration mode nobody knows", { REGISTRATION: "everybody" }, "REGISTRATION"],
    ["tokens that live too long", { ACCESS_TOKEN_SECONDS: "86401" }, "ACCESS_TOKEN_SECONDS"],
    ["tokens that live too short", { ACCESS_TOKEN_SECONDS: "59" }, "ACCESS_TOKEN_SECONDS"],
    ["half a second", { ACCESS_TOKEN_SECONDS: "90.5" }, "ACCESS_TOKEN_SECONDS"],
    ["sessions beyond 30 days", { SESSION_MAX_SECONDS: "2592001" }, "SESSION_MAX_SECONDS"],
    ["a number in words", { PASSWORD_QUEUE: "four" }, "PASSWORD_QUEUE"],
    ["no queue", { PASSWORD_QUEUE: "0" }, "PASSWORD_QUEUE"],
    ["a page instead of an origin", { CORS_ORIGINS: "https://a.example/app" }, "CORS_ORIGINS"],
    ["an origin with a slash", { CORS_ORIGINS: "https://a.example/" }, "CORS_ORIGINS"],
    ["an origin in capitals", { CORS_ORIGINS: "https://A.example" }, "CORS_ORIGINS"],
    ["an origin with its own port", { CORS_ORIGINS: "https://a.example:443" }, "CORS_ORIGINS"],
    ["a host instead of an origin", { CORS_ORIGINS: "a.example" }, "CORS_ORIGINS"],
    ["every origin", { CORS_ORIGINS: "https://a.example,*" }, "CORS_ORIGINS"],
    ["an opaque origin", { CORS_ORIGINS: "null" }, "CORS_ORIGINS"],
    ["an origin of another kind", { CORS_ORIGINS: "ftp://a.example" }, "CORS_ORIGINS"],
    ["payloads kept for no time", { WEBHOOK_PAYLOAD_DAYS: "0" }, "WEBHOOK_PAYLOAD_DAYS"],
    ["events for more than ten years", { WEBHOOK_EVENT_DAYS: "3651" }, "WEBHOOK_EVENT_DAYS"],
    [
      "events for less than uptime looks back",
      { EVENT_DAYS: "29", WEBHOOK_PAYLOAD_DAYS: "2" },
      "EVENT_DAYS",
    ],
    ["events forgotten before their payloads", { WEBHOOK_EVENT_DAYS: "29" }, "WEBHOOK_EVENT_DAYS"],
    [
      "payloads kept for longer than their events",
      { WEBHOOK_PAYLOAD_DAYS: "401" },
      "WEBHOOK_EVENT_DAYS",
    ],
    ["no anonymous request at all", { ANONYMOUS_PER_MINUTE: "0" }, "ANONYMOUS_PER_MINUTE"],
    [
      "more of an address than the counter in front lets through",
      { ANONYMOUS_PER_MINUTE: "1001" },
      "ANONYMOUS_PER_MINUTE",
    ],
    ["fewer sign-ins than none", { SIGN_INS_PER_MINUTE: "-1" }, "SIGN_INS_PER_MINUTE"],
    ["half a failure", { FAILURES_PER_MINUTE: "0.5" }, "FAILURES_PER_MINUTE"],
    ["failures without end", { FAILURES_PER_MINUTE: "10000001" }, "FAILURES_PER_MINUTE"],
    ["plans that are no JSON", { PLANS: "{standard}" }, "PLANS"],
    ["plans that are none", { PLANS: "[]" }, "PLANS"],
    ["no usual plan", { PLANS: JSON.stringify({ gold: PLAN }) }, "PLANS"],
    ["a log level nobody knows", { LOG_LEVEL: "verbose" }, "LOG_LEVEL"],
    ["no master key", { MASTER_KEY: undefined }, "MASTER_KEY"],
    ["a short master key", { MASTER_KEY: "one:AAAA" }, "MASTER_KEY"],
    ["a master key without an id", { MASTER_KEY: "A".repeat(43) }, "MASTER_KEY"],
  ])("%s: refused by name", (_, vars, name) => {
    expect(complaintOf({ ...LEAST, ...vars })).toMatch(new RegExp(`\\b${name}: `));
  });

  it.each([
    ["nothing", "tenant", { limit: 0 }, "limit"],
    ["less than nothing", "user", { limit: -1 }, "limit"],
    ["half a request", "webhooks", { limit: 0.5 }, "limit"],
    ["more than ten million", "tenant", { limit: 10_000_001 }, "limit"],
    ["a text", "tenant", { limit: "600" }, "limit"],
    ["no window", "user", { window_seconds: 0 }, "window_seconds"],
    ["more than a day", "webhooks", { window_seconds: 86_401 }, "window_seconds"],
  ])("a plan of %s is refused with its place", (_, name, change, field) => {
    const plan = { ...PLAN, [name]: { ...perMinute(1), ...change } };
    const complaint = complaintOf({ ...LEAST, PLANS: JSON.stringify({ standard: plan }) });
    expect(complaint).toMatch(new RegExp(`PLANS\\.standard\\.${name}\\.${field}: `));
  });

  it.each([
    ["a limit is missing", { standard: { ...PLAN, user: undefined } }],
    ["a limit is one too many", { standard: { ...PLAN, jobs: perMinute(1) } }],
    [
      "a policy has more than it should",
      { standard: { ...PLAN, user: { ...perMinute(1), x: 1 } } },
    ],
    ["a name is none", { standard: PLAN, "Gold!": PLAN }],
  ])("plans are refused where %s", (_, plans) => {
    expect(complaintOf({ ...LEAST, PLANS: JSON.stringify(plans) })).toContain("PLANS.");
  });

  it("plans are one's own, as text or as a table of wrangler's", () => {
    const plans = { standard: PLAN, gold: { ...PLAN, user: { limit: 5, window_seconds: 10 } } };
    expect(read({ ...LEAST, PLANS: JSON.stringify(plans) }).PLANS).toEqual(plans);
    expect(read({ ...LEAST, PLANS: plans }).PLANS).toEqual(plans);
  });

  it("hold an address to no more than the counter in front of it", () => {
    const [, guard = ""] = /"ADDRESS_GUARD"[^[]*limit = ([\d_]+), period = 60/.exec(wrangler) ?? [];
    const most = Number(guard.replaceAll("_", ""));
    const of = (limit: number) => ({ ...LEAST, ANONYMOUS_PER_MINUTE: String(limit) });
    expect(read(of(most)).ANONYMOUS_PER_MINUTE).toBe(most);
    expect(complaintOf(of(most + 1))).toContain("ADDRESS_GUARD");
  });

  it("in tests alone hashes may be cheap, logs open and schemas older", () => {
    const vars = { ENVIRONMENT: "test", PASSWORD_SCRYPT_LN: "4", LOG_REDACTION: "off" };
    expect(read({ ...LEAST, ...vars })).toMatchObject({ PASSWORD_SCRYPT_LN: 4 });
    const older = read({ ...LEAST, ENVIRONMENT: "test", TENANT_SCHEMA: "8" });
    expect(older.TENANT_SCHEMA).toBe(8);
  });

  it("an event may be remembered for no longer than its payload", () => {
    const vars = { WEBHOOK_PAYLOAD_DAYS: "60", WEBHOOK_EVENT_DAYS: "60" };
    expect(read({ ...LEAST, ...vars })).toMatchObject({ WEBHOOK_EVENT_DAYS: 60 });
  });

  it("http and debug lines are for development", () => {
    const vars = { ENVIRONMENT: "development", BASE_URL: "http://localhost:8787" };
    expect(read({ ...LEAST, ...vars, LOG_LEVEL: "debug" }).BASE_URL.port).toBe("8787");
  });

  it("that are wrong are all named at once, and never with their values", () => {
    const wrong = {
      ENVIRONMENT: "canary-environment",
      BASE_URL: "canary-base",
      CELL: "Canary Cell",
      REGISTRATION: "canary-registration",
      PASSWORD_QUEUE: "canary-queue",
      CORS_ORIGINS: "https://canary.example/",
      LOG_LEVEL: "canary-level",
      MASTER_KEY: "canary-key:canary-material",
    };
    const complaint = complaintOf(wrong);
    for (const name of Object.keys(wrong)) expect(complaint).toContain(`${name}: `);
    expect(complaint).not.toMatch(/canary/i);
  });
});
