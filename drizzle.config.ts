import { defineConfig } from "drizzle-kit";

/** Tables that every realm has: tenants and the platform itself. */
const realm = [
  "./src/platform/tenancy/realm.tables.ts",
  "./src/platform/tenancy/audit.tables.ts",
  "./src/platform/tenancy/idempotency.tables.ts",
  "./src/platform/access/access.tables.ts",
  "./src/features/users/users.tables.ts",
  "./src/features/sessions/sessions.tables.ts",
];

/** Tables that only tenants have. */
const business = [
  "./src/features/services/services.tables.ts",
  "./src/features/destinations/destinations.tables.ts",
  "./src/features/actors/actors.tables.ts",
  "./src/features/events/events.tables.ts",
  "./src/features/rules/rules.tables.ts",
  "./src/features/signals/signals.tables.ts",
  "./src/features/webhooks/webhooks.tables.ts",
  "./src/platform/quotas/usage.tables.ts",
];

const sets = {
  tenant: [...realm, ...business],
  control: [
    ...realm,
    "./src/platform/tenancy/registry.tables.ts",
    "./src/platform/tenancy/cells.tables.ts",
    "./src/features/registration/registration.tables.ts",
    "./src/platform/jobs/job-runs.tables.ts",
    "./src/features/migrations/migrations.tables.ts",
    "./src/features/archives/archives.tables.ts",
  ],
};

/** `ROWHOUSE_SCHEMA=control|tenant` chooses the set; `npm run db:generate` runs both. */
const set = process.env.ROWHOUSE_SCHEMA === "control" ? "control" : "tenant";

export default defineConfig({
  dialect: "sqlite",
  schema: sets[set],
  out: `./migrations/${set}`,
});
