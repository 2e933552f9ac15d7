import { globSync } from "node:fs";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";
import { poolBindings } from "./scripts/lib/pool.ts";
import { ClosingLine } from "./test/support/closing-line.ts";
import { FiguresReporter } from "./test/support/figures-reporter.ts";

/** As many tenant databases as `npm start` has. */
const POOL = 200;
/** No tenant is given a database that another has had, and many files found theirs in this one. */
const SHARED_POOL = 800;
/** A fleet as large as `npm run test:deep` wants it, and one that is quickly made. */
const FLEET_POOL = process.env.DEEP === "1" ? 1_010 : 60;

const node = "test/**/*.node.test.ts";
const fleet = "test/fleet/**/*.test.ts";
/** Code that touches no database: these files share one isolate, which spares seconds a file. */
const units = [
  "test/platform/{crypto,signatures}/**/*.test.ts",
  "test/platform/*.test.ts",
  "test/platform/jobs/backoff.test.ts",
  "test/platform/limits/{ledger,purses,schedules,accuracy}.test.ts",
  "test/platform/outbound/{addresses,redirects,request-headers,target-url}.test.ts",
  "test/platform/{breaker/recovery,http/messages,observe/logger}.test.ts",
  "test/features/{calls/answer-body,destinations/schedule,services/expiring}.test.ts",
  "test/features/rules/{fold,samples,threshold}.test.ts",
  "test/features/webhooks/batch-elements.test.ts",
  "test/features/signals/{sla,risk}.test.ts",
  "test/env.test.ts",
];

/**
 * Files that look at tenants of their own alone: they share an isolate and its databases with files
 * before and after, which spares two seconds of work a file. Its clock never goes back
 * (test/support/isolate-clock.ts), so what names a date, verifies with a server's clock or wants the time
 * back that it has moved, has an isolate to itself; as what counts all tenants or rounds, or changes the
 * control database's own rows.
 */
const neighbours = globSync([
  "test/features/{actors,audit,calls,decay,health,integrations,keys,rules}/**/*.test.ts",
  "test/features/auth/!(enumeration|lockout).test.ts",
  "test/features/destinations/!(pipeline).test.ts",
  "test/features/events/!(posting).test.ts",
  "test/features/limits/!(addresses).test.ts",
  "test/features/{reference,services,sessions,signal-stream,signals,stats}/**/*.test.ts",
  "test/features/{users,webhooks}/**/*.test.ts",
  "test/platform/{access,breaker,limits,outbound,stream}/**/*.test.ts",
  "test/platform/http/!(lists).test.ts",
  "test/platform/tenancy/{bookmarks,misrouted,reads,unknown-outcomes}.test.ts",
  "test/races/{admins,guessing,if-match,password,refresh}.test.ts",
  "test/isolation/outage.test.ts",
]).map((file) => file.replaceAll("\\", "/"));

/** `SCHEMA=previous`: tenants have the schema of the release before, which this one must run on too. */
const schema =
  process.env.SCHEMA === "previous"
    ? { TENANT_SCHEMA: String(globSync("migrations/tenant/*.sql").length - 1) }
    : {};

/** More than any test asks for: limits are small where they are the subject. */
const PLENTY = 1_000_000;
const policy = { limit: PLENTY, window_seconds: 60 };
const plan = { tenant: policy, user: policy, webhooks: policy };

const settings = {
  ENVIRONMENT: "test",
  BASE_URL: "http://rowhouse.test",
  CELL: "test-1",
  REGISTRATION: "open",
  REGISTRATIONS_PER_IP_PER_DAY: "1000000",
  REGISTRATIONS_PER_DAY: "1000000",
  PLANS: JSON.stringify({ standard: plan, business: plan }),
  ANONYMOUS_PER_MINUTE: String(PLENTY),
  SIGN_INS_PER_MINUTE: String(PLENTY),
  FAILURES_PER_MINUTE: String(PLENTY),
  // The real cost of a hash is tested where it is the subject; here it would be all.
  PASSWORD_SCRYPT_LN: "4",
  PASSWORD_QUEUE: "1000",
  LOG_LEVEL: "debug",
  DEEP: process.env.DEEP ?? "",
  ...schema,
  MASTER_KEY: "test:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
};

/** The runtime of production, with real databases, objects and queues. */
const runtime = (pool: number) =>
  cloudflareTest(async () => ({
    wrangler: { configPath: "./wrangler.toml" },
    miniflare: {
      cf: false,
      ratelimits: {
        ADDRESS_GUARD: { namespace_id: "1001", simple: { limit: PLENTY, period: 60 } },
      },
      d1Databases: Object.fromEntries(poolBindings(pool).map((name) => [name, name])),
      bindings: {
        ...settings,
        CONTROL_MIGRATIONS: await readD1Migrations("./migrations/control"),
        TENANT_MIGRATIONS: await readD1Migrations("./migrations/tenant"),
      },
    },
  }));

const inRuntime = {
  // Races are long on a busy machine, and being slow is no failure.
  testTimeout: 120_000,
  setupFiles: ["./test/support/setup.ts", "./test/support/control-db.ts"],
  globalSetup: ["./test/support/misbehaving-server.node.ts", "./test/support/receiver.node.ts"],
};

export default defineConfig({
  test: {
    reporters: ["default", new FiguresReporter(), new ClosingLine()],
    silent: "passed-only",
    // The runtime works beside the runner, and some files mostly wait: one file more than there are cores.
    maxWorkers: "150%",
    coverage: {
      // V8's coverage is not to be had from workerd.
      provider: "istanbul",
      include: ["src/**/*.ts"],
      reporter: ["text-summary", "html"],
      thresholds: { lines: 95, branches: 90 },
    },
    projects: [
      {
        plugins: [runtime(POOL)],
        test: {
          ...inRuntime,
          name: "worker",
          include: ["test/**/*.test.ts"],
          exclude: [node, ...units, ...neighbours, fleet],
        },
      },
      {
        plugins: [runtime(FLEET_POOL)],
        test: { ...inRuntime, name: "fleet", include: [fleet], exclude: [node] },
      },
      {
        plugins: [runtime(SHARED_POOL)],
        test: {
          ...inRuntime,
          name: "shared",
          include: neighbours,
          exclude: [node, ...units],
          isolate: false,
          setupFiles: [...inRuntime.setupFiles, "./test/support/shared-isolate.ts"],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { cf: false, bindings: settings },
          }),
        ],
        test: {
          name: "unit",
          include: units,
          exclude: [node],
          isolate: false,
          setupFiles: ["./test/support/setup.ts"],
        },
      },
      { test: { name: "node", include: [node] } },
    ],
  },
});
