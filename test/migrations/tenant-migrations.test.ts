import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { Failure } from "../../src/platform/problems.ts";
import { TENANT_MIGRATIONS } from "../../src/platform/tenancy/migrations.ts";
import { migrate } from "../../src/platform/tenancy/migrator.ts";
import { type Around, LOST_TEXTS, wrapD1 } from "../support/d1.ts";
import { countRows, isSingleton, populate } from "../support/populate.ts";
import { times } from "../support/registration.ts";
import { bindings, databaseOf, firstValue } from "../support/worker.ts";

const ROWS = 25;
const NAMES = TENANT_MIGRATIONS.map(({ name }) => name);

let taken = 0;
/** A database that nobody has used. */
const fresh = () => databaseOf(`TENANT_DB_${String(100 + taken++).padStart(4, "0")}`);

async function applied(database: D1Database): Promise<string[]> {
  const { results } = await database
    .prepare("SELECT name FROM d1_migrations ORDER BY id")
    .all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** Tables and columns, to see that a failed migration left nothing. */
async function schemaOf(database: D1Database): Promise<unknown[]> {
  const { results } = await database
    .prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
    .all();
  return results;
}

describe("tenant migrations", () => {
  it.each(TENANT_MIGRATIONS.map(({ name }, index) => [name, index] as const))(
    "%s keeps every row of a populated database",
    async (name, index) => {
      const database = fresh();
      await migrate(database, TENANT_MIGRATIONS.slice(0, index));
      await populate(database, ROWS);
      const before = await countRows(database);
      await migrate(database, TENANT_MIGRATIONS.slice(0, index + 1));
      const after = await countRows(database);
      for (const [table, rows] of Object.entries(before)) {
        expect(rows, `${table} is populated`).toBeGreaterThan(0);
        expect(after[table], `${table} after ${name}`).toBe(rows);
      }
      expect(await applied(database)).toEqual(NAMES.slice(0, index + 1));
    },
  );

  it("from every version to the newest, all rows are kept and more can be written", async () => {
    for (const version of TENANT_MIGRATIONS.map((_, index) => index)) {
      const database = fresh();
      await migrate(database, TENANT_MIGRATIONS.slice(0, version));
      await populate(database, ROWS);
      const before = await countRows(database);
      expect(await migrate(database, TENANT_MIGRATIONS)).toBe(NAMES.length);
      expect(await countRows(database)).toMatchObject(before);
      await populate(database, ROWS);
      const singletons: string[] = [];
      for (const [table, rows] of Object.entries(await countRows(database))) {
        const isOne = await isSingleton(database, table);
        if (isOne) singletons.push(table);
        expect(rows, table).toBe(isOne ? 1 : (before[table] ?? 0) + ROWS);
      }
      // A database is one realm's, and one drain's.
      expect(singletons).toEqual(["delivery_drain", "realm", "webhook_drain"]);
    }
  });

  it("20 who migrate one database at once: each migration is made once", async () => {
    const winners: string[] = [];
    const line: Around = async (trip, run) => {
      const result = await run();
      const [first] = trip.sql;
      if (trip.kind === "batch" && first?.startsWith("INSERT INTO d1_migrations")) {
        winners.push("somebody");
      }
      return result;
    };
    const database = fresh();
    const versions = await Promise.all(
      times(20, () => migrate(wrapD1(database, line), TENANT_MIGRATIONS)),
    );
    expect(versions).toEqual(times(20, () => NAMES.length));
    expect(winners).toHaveLength(NAMES.length);
    expect(await applied(database)).toEqual(NAMES);
    expect(await migrate(wrapD1(database, line), TENANT_MIGRATIONS)).toBe(NAMES.length);
    expect(winners).toHaveLength(NAMES.length);
  });

  it("one that fails leaves no trace of itself, and is made by the next who tries", async () => {
    const database = fresh();
    await migrate(database, TENANT_MIGRATIONS);
    const before = await schemaOf(database);
    const broken = {
      name: "9999_broken.sql",
      sql: "CREATE TABLE half (id INTEGER);\n--> statement-breakpoint\nINSERT INTO missing VALUES (1);",
    };
    await expect(migrate(database, [...TENANT_MIGRATIONS, broken])).rejects.toMatchObject({
      name: "MigrationRefused",
      message: "The migration 9999_broken.sql was refused.",
      cause: { message: expect.stringContaining("missing") },
    });
    expect(await schemaOf(database)).toEqual(before);
    expect(await applied(database)).toEqual(NAMES);
    const mended = { ...broken, sql: broken.sql.replace("INSERT INTO missing VALUES (1);", "") };
    await migrate(database, [...TENANT_MIGRATIONS, mended]);
    expect(await applied(database)).toEqual([...NAMES, mended.name]);
  });

  it("cut off before or after any of its trips, the migrator goes on where it was", async () => {
    const trips = 2 + NAMES.length;
    for (const when of ["before", "after"] as const) {
      for (const at of times(trips, (index) => index + 1)) {
        const database = fresh();
        let made = 0;
        const once: Around = async (_, run) => {
          made += 1;
          if (made < at) return run();
          if (when === "after") await run();
          // Down from here on: the attempt is over.
          throw new Error(LOST_TEXTS[0]);
        };
        const outcome = await migrate(wrapD1(database, once), TENANT_MIGRATIONS).catch(
          (error: unknown) => (error instanceof Failure ? error.code : error),
        );
        // What was applied behind a lost connection shows in the second try that it is there.
        const known = when === "after" && at > 2 ? NAMES.length : "database-unavailable";
        expect(outcome, `cut off ${when} trip ${at}`).toBe(known);
        expect(await migrate(database, TENANT_MIGRATIONS)).toBe(NAMES.length);
        expect(await applied(database), `cut off ${when} trip ${at}`).toEqual(NAMES);
      }
    }
  });

  it("a connection that is lost once is no reason to give up", async () => {
    for (const text of LOST_TEXTS) {
      const database = fresh();
      const failed = new Set<string>();
      const flaky: Around = async (trip, run) => {
        const result = await run();
        const key = trip.sql.join();
        if (failed.has(key)) return result;
        failed.add(key);
        throw new Error(text);
      };
      expect(await migrate(wrapD1(database, flaky), TENANT_MIGRATIONS)).toBe(NAMES.length);
      expect(await applied(database)).toEqual(NAMES);
    }
  });

  it("keep the table that wrangler keeps", async () => {
    const migrations = bindings.TENANT_MIGRATIONS as D1Migration[];
    expect(migrations.map(({ name }) => name)).toEqual(NAMES);
    const [ours, theirs] = [fresh(), fresh()];
    await migrate(ours, TENANT_MIGRATIONS);
    await applyD1Migrations(theirs, migrations);
    const shape = (database: D1Database) =>
      database
        .prepare("SELECT name, type, dflt_value, pk FROM pragma_table_info('d1_migrations')")
        .all()
        .then(({ results }) => results);
    expect(await shape(ours)).toEqual(await shape(theirs));
    expect(await applied(theirs)).toEqual(NAMES);
    // Each finds nothing to do in the other's database, and the schemas are one.
    await applyD1Migrations(ours, migrations);
    await migrate(theirs, TENANT_MIGRATIONS);
    expect(await applied(ours)).toEqual(NAMES);
    expect(await applied(theirs)).toEqual(NAMES);
    const text = (rows: unknown[]) =>
      JSON.stringify(
        rows.filter((row) => !JSON.stringify(row).includes("d1_migrations")),
      ).replaceAll(/\s+/g, " ");
    expect(text(await schemaOf(ours))).toBe(text(await schemaOf(theirs)));
    expect(await firstValue(ours, "SELECT count(*) FROM d1_migrations")).toBe(NAMES.length);
  });
});
