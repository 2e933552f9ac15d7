import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { leaksIn, startLogScan } from "./log-scan.ts";

const scan = startLogScan();

// Storage is fresh per file. Tenant databases are migrated by the Worker itself.
beforeAll(async () => {
  const { CONTROL_DB, CONTROL_MIGRATIONS } = env as unknown as {
    CONTROL_DB: D1Database;
    CONTROL_MIGRATIONS: D1Migration[];
  };
  await applyD1Migrations(CONTROL_DB, CONTROL_MIGRATIONS);
});

afterEach((context) => {
  if (context.task.result?.state === "fail") scan.showRecent();
});

// Whatever a file tests, none of its log lines may hold a secret.
afterAll(() => {
  expect(leaksIn(scan.lines), "log lines that hold secrets").toEqual([]);
});
