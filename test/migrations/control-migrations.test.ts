import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { countRows, populate } from "../support/populate.ts";
import { bindings, databaseOf } from "../support/worker.ts";

const ROWS = 25;
const MIGRATIONS = bindings.CONTROL_MIGRATIONS as D1Migration[];
/** Writes the one row of `realm`, which nobody has before. */
const REALM = MIGRATIONS.findIndex(({ name }) => name === "0002_platform_realm.sql");

let taken = 0;
/** A database of that version that nobody has used; what it is called makes no difference to it. */
async function populated(version: number): Promise<D1Database> {
  const database = databaseOf(`TENANT_DB_${String(100 + taken++).padStart(4, "0")}`);
  await applyD1Migrations(database, MIGRATIONS.slice(0, version));
  await populate(database, ROWS);
  if (version > 0 && version <= REALM) await database.exec("DELETE FROM realm");
  return database;
}

describe("control migrations", () => {
  it.each(MIGRATIONS.map(({ name }, index) => [name, index] as const))(
    "%s keeps every row of a populated database",
    async (name, index) => {
      const database = await populated(index);
      const { realm, ...before } = await countRows(database);
      await applyD1Migrations(database, MIGRATIONS.slice(0, index + 1));
      const after = await countRows(database);
      expect(after.realm).toBe(index >= REALM ? 1 : (realm ?? 0));
      for (const [table, rows] of Object.entries(before)) {
        expect(rows, `${table} is populated`).toBeGreaterThan(0);
        expect(after[table], `${table} after ${name}`).toBe(rows);
      }
    },
  );

  it("from every version to the newest, all rows are kept and more can be written", async () => {
    for (const version of MIGRATIONS.keys()) {
      const database = await populated(version);
      const { realm: _, ...before } = await countRows(database);
      await applyD1Migrations(database, MIGRATIONS);
      expect(await countRows(database)).toMatchObject({ ...before, realm: 1 });
      // Each tenant's database stands among the claimed ones, whoever has claimed it.
      const claimed = before.tenant_databases ?? before.tenants ?? 0;
      await populate(database, ROWS);
      const after: Record<string, number> = { realm: 1, tenant_databases: claimed + ROWS + ROWS };
      for (const [table, rows] of Object.entries(await countRows(database))) {
        expect(rows, table).toBe(after[table] ?? (before[table] ?? 0) + ROWS);
      }
    }
  });

  it("puts the databases of all tenants that there are among the claimed ones", async () => {
    const fleet = MIGRATIONS.findIndex(({ name }) => name === "0006_fleet.sql");
    const database = await populated(fleet);
    await applyD1Migrations(database, MIGRATIONS);
    const rows = async (sql: string) => (await database.prepare(sql).all()).results;
    const claimed = await rows(
      "SELECT cell, binding, tenant_id AS id, claimed_at AS created_at FROM tenant_databases ORDER BY id",
    );
    expect(claimed).toEqual(
      await rows("SELECT cell, binding, id, created_at FROM tenants ORDER BY id"),
    );
    expect(await rows("SELECT DISTINCT state FROM tenant_databases")).toEqual([
      { state: "serving" },
    ]);
  });
});
