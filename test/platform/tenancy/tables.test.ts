import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLogger } from "../../../src/platform/observe/logger.ts";
import { createMeter } from "../../../src/platform/observe/meter.ts";
import { open, type TenantDb } from "../../../src/platform/tenancy/database.ts";
import { putUpFence } from "../../../src/platform/tenancy/import-fence.ts";
import { fillSequences, fillTables } from "../../../src/platform/tenancy/table-filler.ts";
import { readPage } from "../../../src/platform/tenancy/table-reader.ts";
import {
  readSequences,
  readTables,
  type Table,
} from "../../../src/platform/tenancy/table-shapes.ts";
import { isTableValue, type TableRow } from "../../../src/platform/tenancy/table-values.ts";
import { exactRows } from "../../support/archives.ts";
import { showFigures } from "../../support/figures.ts";
import { holds } from "../../support/property.ts";
import { databaseOf } from "../../support/worker.ts";

const PASS = { importId: "import", version: 1 };

let taken = 150;
/** A database that has no row of it has no owner yet. */
const REALM = "CREATE TABLE realm (id TEXT PRIMARY KEY)";

/** Two databases with the same tables, which an import may fill, opened as the platform opens a tenant's. */
async function twins(...tables: string[]) {
  return Promise.all(
    [0, 1].map(async () => {
      const binding = databaseOf(`TENANT_DB_${String(taken++).padStart(4, "0")}`);
      for (const table of [...tables, REALM]) await binding.prepare(table).run();
      const db = open<TenantDb>({
        realmId: "tenant",
        schemaVersion: 1,
        binding,
        log: createLogger({ level: "error" }),
        meter: createMeter(),
        trips: "tenantTrips",
        start: "first-primary",
      });
      await putUpFence(db, PASS.importId);
      return { binding, db };
    }),
  ) as Promise<[Twin, Twin]>;
}
interface Twin {
  readonly binding: D1Database;
  readonly db: TenantDb;
}

async function tableNamed(db: TenantDb, name: string): Promise<Table> {
  const table = (await readTables(db)).find((each) => each.name === name);
  if (!table) throw new Error(`There is no table ${name}.`);
  return table;
}

/** Copies a table as an archive does, through JSON. @returns rows, pages, and characters of the largest */
async function copied(from: TenantDb, to: TenantDb, table: Table) {
  const figures = { rows: 0, pages: 0, largest: 0 };
  for (let next: number | null = null; ; ) {
    const page = await readPage(from, table, next);
    if (page.next === null) return figures;
    const text = JSON.stringify(page.rows);
    const rows = JSON.parse(text) as TableRow[];
    expect(rows.flat().filter((value) => !isTableValue(value))).toEqual([]);
    await fillTables(to, PASS, [{ table, rows }]);
    figures.rows += rows.length;
    figures.pages += 1;
    figures.largest = Math.max(figures.largest, text.length);
    next = page.next;
  }
}

const bytes = fc.uint8Array({ maxLength: 40 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** Text of any kind: NUL, quotes, newlines, letters beyond the basic plane. */
const anyText = fc.string({ unit: "binary", maxLength: 40 });
const real = fc.double({ noNaN: true });
const edge = fc.constantFrom(
  2n ** 53n,
  2n ** 53n - 1n,
  -(2n ** 53n),
  2n ** 63n - 1n,
  -(2n ** 63n),
  0n,
);

/** A value, and SQL that is it to the last bit. */
const anyValue = fc.oneof(
  fc.constant("NULL"),
  fc.oneof(int64, edge).map((n) => (n === -(2n ** 63n) ? "(-9223372036854775807 - 1)" : String(n))),
  real.map((value) => `json_extract('[${realJson(value)}]', '$[0]')`),
  anyText.map((value) => `CAST(x'${hexOf(new TextEncoder().encode(value))}' AS TEXT)`),
  bytes.map((value) => `x'${hexOf(value)}'`),
);

function realJson(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "9e999" : "-9e999";
  return Number.isInteger(value) && !/e/.test(String(value)) ? `${value}.0` : String(value);
}

function hexOf(data: Uint8Array): string {
  return [...data].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

describe("tables that are read and written whatever their columns are", () => {
  it("random rows come back in the same order, to the bit and in their storage class", async () => {
    let rows = 0;
    const COLUMNS = "a TEXT, b INTEGER, c REAL, d BLOB, e";
    const [from, to] = await twins(`CREATE TABLE things (id TEXT PRIMARY KEY, ${COLUMNS})`);
    const table = await tableNamed(from.db, "things");
    const row = fc.tuple(anyValue, anyValue, anyValue, anyValue, anyValue);
    await holds(
      "rows of any kind",
      [fc.array(row, { minLength: 1, maxLength: 8 })],
      async (made) => {
        for (const { binding } of [from, to]) await binding.exec("DELETE FROM things");
        for (const [index, values] of made.entries()) {
          await from.binding
            .prepare(`INSERT INTO things VALUES ('${index}', ${values.join()})`)
            .run();
        }
        await copied(from.db, to.db, table);
        expect(await exactRows(to.binding, "things")).toEqual(
          await exactRows(from.binding, "things"),
        );
        rows += made.length;
      },
    );
    console.log(`${rows} random rows are the same`);
  });

  it("30,000 rows go by in pages, of which the largest stays small", async ({ task }) => {
    const [from, to] = await twins("CREATE TABLE many (id TEXT PRIMARY KEY, text TEXT)");
    await from.binding
      .prepare(
        `INSERT INTO many WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
          SELECT 'row ' || i, hex(zeroblob(i % 300)) FROM n`,
      )
      .run();
    // Ten that are each half a page or more.
    await from.binding
      .prepare(
        `INSERT INTO many WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
          SELECT 'large ' || i, hex(zeroblob(150000 * (1 + i % 4))) FROM n`,
      )
      .run();
    const table = await tableNamed(from.db, "many");
    const { rows, pages, largest } = await copied(from.db, to.db, table);
    showFigures(task, `${rows} rows in ${pages} pages, the largest of ${largest} characters`);
    expect(rows).toBe(30_010);
    expect(largest).toBeLessThan(1_300_000);
    const sum = "SELECT count(*), sum(length(text)), min(rowid), max(rowid) FROM many";
    expect(await to.binding.prepare(sum).raw()).toEqual(await from.binding.prepare(sum).raw());
  });

  it("a row of nearly 2 MB goes too, as text and as bytes", async () => {
    const [from, to] = await twins("CREATE TABLE large (id TEXT PRIMARY KEY, a TEXT, b BLOB)");
    await from.binding
      .prepare(
        "INSERT INTO large VALUES ('t', hex(zeroblob(950000)), NULL), ('b', NULL, randomblob(1900000))",
      )
      .run();
    const table = await tableNamed(from.db, "large");
    expect(await copied(from.db, to.db, table)).toMatchObject({ rows: 2, pages: 2 });
    const same =
      "SELECT length(a), hex(substr(b, 1, 64)), length(b), hex(substr(b, -64)) FROM large";
    expect(await to.binding.prepare(same).raw()).toEqual(await from.binding.prepare(same).raw());
  });

  it("a table with ninety columns has no expression that is too deep", async () => {
    const columns = Array.from({ length: 89 }, (_, at) => `c${at} INTEGER DEFAULT ${at}`);
    const [from, to] = await twins(`CREATE TABLE wide (id TEXT PRIMARY KEY, ${columns.join()})`);
    await from.binding.exec("INSERT INTO wide (id) VALUES ('one')");
    await copied(from.db, to.db, await tableNamed(from.db, "wide"));
    expect(await exactRows(to.binding, "wide")).toEqual(await exactRows(from.binding, "wide"));
  });

  it("the same rows written again change nothing, and a refused one leaves none", async () => {
    const [from, to] = await twins(
      "CREATE TABLE pairs (a TEXT, b INTEGER, c TEXT UNIQUE, PRIMARY KEY (a, b))",
    );
    await from.binding.exec("INSERT INTO pairs VALUES ('x', 1, 'p'), ('x', 2, 'q'), ('y', 1, 'r')");
    const table = await tableNamed(from.db, "pairs");
    await copied(from.db, to.db, table);
    await copied(from.db, to.db, table);
    expect(await exactRows(to.binding, "pairs")).toEqual(await exactRows(from.binding, "pairs"));
    const rows = [
      ["z", 1, "new"],
      ["z", 2, "p"],
    ];
    await expect(fillTables(to.db, PASS, [{ table, rows }])).rejects.toMatchObject({
      code: "archive-invalid",
    });
    expect(await exactRows(to.binding, "pairs")).toHaveLength(3);
  });

  it("columns are told from those of the rows that are on their way, whatever their names", async () => {
    const [from, to] = await twins(
      "CREATE TABLE named (value INTEGER, key TEXT, type TEXT, id TEXT, line TEXT, PRIMARY KEY (value, key))",
    );
    await from.binding.exec(
      "INSERT INTO named VALUES (1, 'a', 'b', 'c', 'd'), (2, 'a', 'b', 'c', 'd')",
    );
    const table = await tableNamed(from.db, "named");
    for (const times of [1, 2]) {
      await copied(from.db, to.db, table);
      const rows = await exactRows(to.binding, "named");
      expect(rows, `time ${times}`).toEqual(await exactRows(from.binding, "named"));
    }
  });

  it("parents come before children, and counting tables go on where they were", async () => {
    const [from, to] = await twins(
      "CREATE TABLE a_child (id TEXT PRIMARY KEY, of TEXT REFERENCES b_parent(id))",
      "CREATE TABLE b_parent (id TEXT PRIMARY KEY, of INTEGER REFERENCES c_grandparent(seq))",
      "CREATE TABLE c_grandparent (seq INTEGER PRIMARY KEY AUTOINCREMENT, self REFERENCES c_grandparent)",
    );
    const names = (await readTables(from.db)).map(({ name }) => name);
    expect(names).toEqual(["c_grandparent", "b_parent", "a_child", "realm"]);
    await from.binding.exec("INSERT INTO c_grandparent (seq) VALUES (7), (9)");
    await from.binding.exec("DELETE FROM c_grandparent WHERE seq = 9");
    expect(await readSequences(from.db)).toEqual({ c_grandparent: 9 });
    for (const times of [1, 2]) {
      await copied(from.db, to.db, await tableNamed(from.db, "c_grandparent"));
      await fillSequences(to.db, PASS, { c_grandparent: 9 });
      expect(await readSequences(to.db), `time ${times}`).toEqual({ c_grandparent: 9 });
    }
    await fillSequences(to.db, PASS, { c_grandparent: 3 });
    expect(await readSequences(to.db), "never back").toEqual({ c_grandparent: 9 });
  });
});
