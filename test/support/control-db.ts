import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll } from "vitest";
import { leaveOut } from "./captured-logs.ts";

// Storage is fresh per isolate. Tenant databases are migrated by the Worker itself.
beforeAll(async () => {
  const { CONTROL_DB, CONTROL_MIGRATIONS } = env as unknown as {
    CONTROL_DB: D1Database;
    CONTROL_MIGRATIONS: D1Migration[];
  };
  await applyD1Migrations(CONTROL_DB, CONTROL_MIGRATIONS);
  const { results } = await CONTROL_DB.prepare("SELECT slug FROM tenants").all<{ slug: string }>();
  leaveOut(results.map(({ slug }) => slug));
});
