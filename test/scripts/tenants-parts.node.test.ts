import { createHash } from "node:crypto";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { destinationOf } from "../../scripts/lib/dial.ts";
import { BadArchive, checkArchive } from "../../scripts/tenants/archive.ts";
import { linesIn } from "../../scripts/tenants/lines.ts";
import { statementsIn } from "../../scripts/tenants/sql-statements.ts";
import { table, textOutput } from "../../scripts/tenants/terminal.ts";
import { holds } from "../support/property.ts";

describe("SQL for one tenant", () => {
  it.each([
    ["SELECT 1", [["SELECT 1", false]]],
    [" ;; SELECT 1 ; -- done; DROP TABLE users\n", [["SELECT 1", false]]],
    [
      "SELECT ';' ; SELECT 'it''s; fine'",
      [
        ["SELECT ';'", false],
        ["SELECT 'it''s; fine'", false],
      ],
    ],
    ['UPDATE "a;b" SET [c;d] = `e;f`', [['UPDATE "a;b" SET [c;d] = `e;f`', true]]],
    ["/* ; DROP TABLE x */ delete from events", [["delete from events", true]]],
    [
      "WITH a AS (SELECT 1) DELETE FROM events",
      [["WITH a AS (SELECT 1) DELETE FROM events", true]],
    ],
    [
      "WITH a AS (SELECT 1) SELECT replace(x, 'a', 'b') FROM a",
      [["WITH a AS (SELECT 1) SELECT replace(x, 'a', 'b') FROM a", false]],
    ],
    ["REPLACE INTO settings VALUES (1)", [["REPLACE INTO settings VALUES (1)", true]]],
    ["PRAGMA foreign_key_check", [["PRAGMA foreign_key_check", false]]],
    ["SELECT data FROM audit_private", [["SELECT data FROM audit_private", false]]],
  ])("lets %j through", (sql, expected) => {
    expect(statementsIn(sql).map(({ text, writes }) => [text, writes])).toEqual(expected);
  });

  it.each([
    "ATTACH 'x.db' AS x",
    "PRAGMA writable_schema = 1",
    "PRAGMA writable_schema",
    "PRAGMA table_info = 1",
    "PRAGMA journal_mode",
    "BEGIN",
    "COMMIT",
    "ROLLBACK; SELECT 1",
    "SAVEPOINT a",
    "VACUUM",
    "DROP TABLE users",
    "ALTER TABLE users ADD x",
    "CREATE TRIGGER t AFTER INSERT ON users BEGIN SELECT 1; END",
    "SELECT 1; DROP TRIGGER audit_log_no_delete",
    "/* */DROP/**/TABLE users",
    "DELETE FROM audit_log",
    'UPDATE "audit_private" SET data = 1',
    "INSERT INTO [AUDIT_LOG] VALUES (1)",
    "DELETE FROM 'audit_sums'",
    "WITH a AS (SELECT 1) DELETE FROM main.audit_private",
    "SELECT 'open",
    'SELECT "open',
    "",
    " ; -- nothing",
  ])("refuses %j", (sql) => {
    expect(() => statementsIn(sql)).toThrow();
  });

  it("never splits inside of a text, whatever stands there", async () => {
    await holds("texts in SQL", [fc.array(fc.string(), { maxLength: 5 })], (texts) => {
      const literals = texts.map((text) => `'${text.replaceAll("'", "''")}'`);
      const sql = ["SELECT 1", ...literals.map((each) => `SELECT ${each}`)].join(";");
      expect(statementsIn(sql)).toHaveLength(texts.length + 1);
    });
  });
});

describe("an archive", () => {
  const rowLine = (name: string, row: unknown[]) => JSON.stringify({ table: name, row });
  const sum = (name: string, lines: readonly string[]) => ({
    table: name,
    rows: lines.length,
    sha256: createHash("sha256")
      .update(lines.map((line) => `${line}\n`).join(""))
      .digest("hex"),
  });
  /** Lines of an archive of these tables. */
  function archiveOf(tables: readonly unknown[][][]): string[] {
    const sums = [];
    const lines = [JSON.stringify({ header: { tenant: { id: "t", slug: "acme" } } })];
    for (const [index, rows] of tables.entries()) {
      const own = rows.map((row) => rowLine(`table_${index}`, row));
      const total = sum(`table_${index}`, own);
      lines.push(...own, JSON.stringify(total));
      sums.push(total);
    }
    return [...lines, JSON.stringify({ manifest: { tables: sums } })];
  }
  const check = (lines: readonly string[]) => {
    const checking = checkArchive();
    for (const line of lines) checking.take(line);
    checking.end();
    return checking.rows;
  };
  const value = fc.oneof(fc.string(), fc.integer(), fc.constant(null));
  const tables = fc.array(fc.array(fc.array(value, { maxLength: 3 }), { maxLength: 5 }), {
    minLength: 1,
    maxLength: 4,
  });

  it("is taken for whole when it is", async () => {
    await holds("whole archives", [tables], (made) => {
      expect(check(archiveOf(made))).toBe(made.flat().length);
    });
  });

  it("is not, when a line is missing, doubled, changed or in another place", async () => {
    const harm = fc.constantFrom("missing", "doubled", "changed", "swapped", "cut");
    await holds("harmed archives", [tables, harm, fc.nat()], (made, kind, at) => {
      const lines = archiveOf(made);
      const index = 1 + (at % (lines.length - 1));
      const line = lines[index] ?? "";
      const harmed = {
        missing: lines.toSpliced(index, 1),
        doubled: lines.toSpliced(index, 0, line),
        changed: lines.with(index, line.replace(/[0-9a-z](?=[^0-9a-z]*$)/, "X")),
        swapped: lines.with(index, lines[index - 1] ?? "").with(index - 1, line),
        cut: lines.with(index, line.slice(0, -1)).slice(0, index + 1),
      }[kind];
      if (JSON.stringify(harmed) === JSON.stringify(lines)) return;
      expect(() => check(harmed), `${kind} ${index}`).toThrow(BadArchive);
    });
  });

  it("has lines that end at newlines alone, however its bytes come", async () => {
    const ends = fc.constantFrom("\u2028", "\u2029", "\u0085", "\r", "\v", "é", "😀", "x");
    const text = fc.string({ unit: ends, maxLength: 12 });
    const sizes = fc.infiniteStream(fc.integer({ min: 1, max: 9 }));
    const args = [fc.array(text, { maxLength: 6 }), sizes, fc.boolean()] as const;
    await holds("lines of bytes", [...args], async (made, cuts, ends) => {
      const lines = made.map((each) => `"${each}"`);
      const bytes = Buffer.from(lines.join("\n") + (ends && made.length > 0 ? "\n" : ""));
      async function* chunks() {
        for (let from = 0; from < bytes.length; ) {
          const to = from + (cuts.next().value as number);
          yield bytes.subarray(from, to);
          from = to;
        }
      }
      const found: string[] = [];
      for await (const line of linesIn(chunks())) found.push(line);
      expect(found).toEqual(lines);
    });
  });

  it("with fewer rows than it says is named by its table", () => {
    const lines = archiveOf([[["a"]]]).map((line) => line.replaceAll('"rows":1', '"rows":2'));
    expect(() => check(lines)).toThrow("table_0 has 1 rows of 2.");
  });

  it("that was broken off says why", () => {
    const error = { detail: "The tenant changed meanwhile.", request_id: "req_1" };
    const lines = [...archiveOf([[["a"]]]).slice(0, 2), JSON.stringify({ error })];
    expect(() => check(lines)).toThrow(
      "The archive was broken off: The tenant changed meanwhile.\n  request req_1",
    );
  });
});

describe("the terminal", () => {
  const told = (isTTY: boolean, work: (errors: ReturnType<typeof textOutput>) => void) => {
    let text = "";
    const errors = Object.assign(new PassThrough(), { isTTY });
    errors.on("data", (chunk) => {
      text += chunk;
    });
    work(textOutput({ input: new PassThrough(), output: new PassThrough(), errors }));
    return text;
  };

  it("has a bar that moves", () => {
    const text = told(true, (output) => {
      const progress = output.progress("Rows");
      progress.to(500, 1_000);
      progress.to(1_000, 1_000);
      progress.end();
    });
    const [, half, whole, end] = text.split("\r\u001b[2K");
    expect(half).toBe(`Rows ${"█".repeat(15)}${"░".repeat(15)} 500 of 1,000`);
    expect(whole).toBe(`Rows ${"█".repeat(30)} 1,000 of 1,000`);
    expect(end).toBe("");
  });

  it("has a line for each tenth where nobody watches", () => {
    const text = told(false, (output) => {
      const progress = output.progress("Rows");
      for (let done = 0; done <= 1_000; done += 1) progress.to(done, 1_000);
      progress.end();
    });
    expect(text.split("\n")).toHaveLength(12);
    expect(text).toContain("\nRows: 500 of 1,000\n");
  });

  it("shows what a tenant has stored, and does not obey it", () => {
    const text = table(["name"], [["\u001b[2J\n\u009b1m\u202e"], [null], [{ a: 1 }]]);
    expect(text).toBe('name\n\\u001b[2J\\u000a\\u009b1m\\u202e\n-\n{"a":1}');
  });
});

describe("where it goes", () => {
  it.each([
    [{}, "http://localhost:8787"],
    [{ ROWHOUSE_URL: "http://localhost:1234" }, "http://localhost:1234"],
    [{ ROWHOUSE_URL: "https://rowhouse.example" }, "https://rowhouse.example"],
    [
      { ROWHOUSE_URL: "https://rowhouse.example", ROWHOUSE_DIAL: "10.0.0.1:8443" },
      "https://10.0.0.1:8443",
    ],
    [
      { ROWHOUSE_URL: "https://rowhouse.example", ROWHOUSE_DIAL: "http://127.0.0.1:1" },
      "http://127.0.0.1:1",
    ],
  ])("%j connects to %s", (env, connected) => {
    const { origin, via = origin } = destinationOf(env);
    expect(via.origin).toBe(connected);
  });

  it.each([
    { ROWHOUSE_URL: "http://rowhouse.example" },
    { ROWHOUSE_URL: "http://localhost.example" },
    { ROWHOUSE_URL: "http://127.0.0.1.example" },
    { ROWHOUSE_URL: "https://rowhouse.example", ROWHOUSE_DIAL: "http://10.0.0.1:80" },
    { ROWHOUSE_URL: "https://rowhouse.example/api" },
    { ROWHOUSE_URL: "https://a:b@rowhouse.example" },
    { ROWHOUSE_URL: "ftp://rowhouse.example" },
    { ROWHOUSE_URL: "rowhouse" },
  ])("%j is refused before anything is sent", (env) => {
    expect(() => destinationOf(env)).toThrow(/^ROWHOUSE_(URL|DIAL) must/);
  });
});
