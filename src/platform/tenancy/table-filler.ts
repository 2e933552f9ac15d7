import { Buffer } from "node:buffer";
import { sql } from "drizzle-orm";
import { fromBase64 } from "../crypto/encoding.ts";
import { Failure } from "../problems.ts";
import type { PreparedSql, RealmDb } from "./database.ts";
import { type FencePass, writeBehindFence } from "./import-fence.ts";
import { prepare } from "./statements.ts";
import type { Table } from "./table-shapes.ts";
import { type TableRow, type TableValue, toSqliteJson } from "./table-values.ts";

/** Rows of one table that are to be written. */
export interface Filling {
  readonly table: Table;
  readonly rows: readonly TableRow[];
}

/** Bytes of rows that go as one parameter: D1 takes 2 MB. A larger row goes value by value. */
const STATEMENT_BYTES = 1_000_000;

/**
 * Writes rows as they are into a database that an import fills, all of them or none. A row whose key is
 * there stays as it is, so that the same rows may be written again. The database's own triggers and
 * constraints judge each row as they do every other; there is no audit row, for the log is among what is
 * written.
 * @throws Failure `archive-invalid` for rows that the database refuses, `import-state`,
 * `database-unavailable`
 */
export async function fillTables(
  db: RealmDb,
  pass: FencePass,
  fillings: readonly Filling[],
): Promise<void> {
  await write(db, pass, fillings.flatMap(statementsOf));
}

/** Sets what counting tables go on from; never back. @throws Failure as for rows */
export async function fillSequences(
  db: RealmDb,
  pass: FencePass,
  sequences: Readonly<Record<string, number>>,
): Promise<void> {
  const batch = Object.entries(sequences).flatMap(([name, seq]) => [
    prepare(sql`INSERT INTO sqlite_sequence (name, seq) SELECT ${name}, ${seq}
      WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ${name})`),
    prepare(sql`UPDATE sqlite_sequence SET seq = max(seq, ${seq}) WHERE name = ${name}`),
  ]);
  await write(db, pass, batch);
}

async function write(db: RealmDb, pass: FencePass, batch: readonly PreparedSql[]): Promise<void> {
  try {
    await writeBehindFence(db, pass, batch);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const why =
      /(?:UNIQUE|CHECK|NOT NULL|FOREIGN KEY) constraint failed[^"]{0,100}|append-only|write-once/;
    const [text = "a rule of its own"] = why.exec(String(cause)) ?? [];
    throw new Failure("archive-invalid", `The database refuses these rows: ${text}.`, { cause });
  }
}

function statementsOf({ table, rows }: Filling): PreparedSql[] {
  const statements: PreparedSql[] = [];
  let together: string[] = [];
  let length = 0;
  const flush = () => {
    if (together.length > 0) statements.push(insertAll(table, `[${together.join()}]`));
    together = [];
    length = 0;
  };
  for (const row of rows) {
    const text = `[${row.map(toSqliteJson).join()}]`;
    const bytes = Buffer.byteLength(text);
    const isLarge = bytes > STATEMENT_BYTES;
    if (isLarge || length + bytes > STATEMENT_BYTES) flush();
    if (isLarge) statements.push(insertOne(table, row));
    else together.push(text);
    if (!isLarge) length += bytes;
  }
  flush();
  return statements;
}

/** Many rows by one statement, in their order. Tables have columns that are named as those of `json_each`. */
function insertAll(table: Table, rows: string): PreparedSql {
  const at = (index: number) => sql.raw(`'$[${index}]'`);
  const blobAt = (index: number) => sql.raw(`'$[${index}].blob'`);
  const values = table.columns.map(
    (_, index) => sql`CASE json_type(line.value, ${at(index)})
      WHEN 'object' THEN unhex(json_extract(line.value, ${blobAt(index)}))
      ELSE json_extract(line.value, ${at(index)}) END`,
  );
  const same = table.key.map((column) => {
    const index = table.columns.indexOf(column);
    return sql`${sql.identifier(column)} IS json_extract(line.value, ${at(index)})`;
  });
  return prepare(sql`INSERT INTO ${sql.identifier(table.name)} (${names(table.columns)})
    SELECT ${list(values)} FROM json_each(${rows}) AS line
    WHERE NOT EXISTS (SELECT 1 FROM ${sql.identifier(table.name)} WHERE ${all(same)})
    ORDER BY line.key`);
}

/** A row that is too large to go with others. */
function insertOne(table: Table, row: TableRow): PreparedSql {
  const same = table.key.map((column) => {
    const value = row[table.columns.indexOf(column)] ?? null;
    return sql`${sql.identifier(column)} IS ${bound(value)}`;
  });
  return prepare(sql`INSERT INTO ${sql.identifier(table.name)} (${names(table.columns)})
    SELECT ${list(row.map(bound))}
    WHERE NOT EXISTS (SELECT 1 FROM ${sql.identifier(table.name)} WHERE ${all(same)})`);
}

function bound(value: TableValue) {
  if (value === null || typeof value === "string") return sql`${value}`;
  if (typeof value === "object" && "blob" in value) return sql`${fromBase64(value.blob)}`;
  // A bound number is a REAL.
  return sql`json_extract(${`[${toSqliteJson(value)}]`}, '$[0]')`;
}

const list = (parts: readonly ReturnType<typeof sql>[]) => sql.join([...parts], sql`, `);
const all = (parts: readonly ReturnType<typeof sql>[]) => sql.join([...parts], sql` AND `);
const names = (columns: readonly string[]) =>
  list(columns.map((column) => sql`${sql.identifier(column)}`));
