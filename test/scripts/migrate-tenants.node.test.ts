import { afterEach, describe, expect, it } from "vitest";
import { migrateTenants } from "../../scripts/lib/deploy/migrate-tenants.ts";
import type { Plan } from "../../scripts/lib/deploy/plan.ts";
import type { Tools } from "../../scripts/lib/deploy/tools.ts";
import {
  type OperatorsSite,
  type PlannedAnswer,
  startOperatorsSite,
} from "../support/operators-site.node.ts";

let house: OperatorsSite | undefined;
afterEach(() => house?.stop());

const BEGIN = "POST /api/v1/migrations";

const run = (id: string, more: Record<string, unknown> = {}) => ({
  status: 200,
  body: { id, state: "done", totals: { pending: 0, done: 2, failed: 0 }, failures: [], ...more },
});
const isOpen = (id?: string) => ({
  status: 409,
  body: {
    type: "https://rowhouse.example/problems/migration-running",
    title: "A migration of the fleet is running",
    migration_id: id,
  },
});

/** @returns what is said while a deploy migrates the tenants of a house that answers so */
async function migrate(answers: Record<string, readonly PlannedAnswer[]>): Promise<string[]> {
  house = await startOperatorsSite(answers);
  const said: string[] = [];
  const tools = { say: (line: string) => said.push(line) } as unknown as Tools;
  await migrateTenants({ environment: {} } as Plan, house.site, tools);
  return said;
}

describe("tenants' migration at the end of a deploy", () => {
  it("waits for a run that is open, and then begins its own", async () => {
    const said = await migrate({
      [BEGIN]: [isOpen("migration_old"), run("migration_own")],
      "GET /api/v1/migrations/migration_old": [run("migration_old", { schema_version: 7 })],
      "GET /api/v1/migrations/migration_own": [
        run("migration_own", { totals: { pending: 0, done: 5, failed: 0 } }),
      ],
    });
    expect(said).toEqual([
      "Tenants are being migrated already (migration_old); waiting for that.",
      "Migrating the tenants (migration_own).",
      "Tenants migrated: 5.",
    ]);
    expect(house?.calls.slice(1)).toEqual([
      BEGIN,
      "GET /api/v1/migrations/migration_old",
      BEGIN,
      "GET /api/v1/migrations/migration_own",
    ]);
  });

  it("goes by its own run, whatever became of the one before", async () => {
    const failures = [{ slug: "acme", error: "MigrationRefused" }];
    const totals = { pending: 0, done: 0, failed: 1 };
    const halted = run("migration_old", { state: "halted", totals, failures });
    const said = await migrate({
      [BEGIN]: [isOpen("migration_old"), run("migration_own")],
      "GET /api/v1/migrations/migration_old": [halted],
      "GET /api/v1/migrations/migration_own": [run("migration_own")],
    });
    expect(said.at(-1)).toBe("Tenants migrated: 2.");
  });

  it("fails with the problem where none names the open run", async () => {
    await expect(migrate({ [BEGIN]: [isOpen()] })).rejects.toThrow(
      "409 A migration of the fleet is running",
    );
    expect(house?.calls.filter((call) => call === BEGIN)).toHaveLength(1);
  });
});
