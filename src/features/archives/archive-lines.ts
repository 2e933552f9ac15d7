import { createHash } from "node:crypto";
import { type RealmDb, readPage, type Table } from "../../platform/tenancy/index.ts";

/** What a manifest says of a table. */
export interface TableSum {
  readonly table: string;
  readonly rows: number;
  /** SHA-256 over the table's lines, each with its newline. */
  readonly sha256: string;
}

/** How much was read, for the log. */
export interface Tally {
  rows: number;
  pages: number;
  /** Characters of the largest page. */
  largest: number;
}

/**
 * The lines of a table, some at a time: those of as many rows as one read brings. They are never all in
 * memory. At last the table's sum.
 */
export async function* tableLines(
  db: RealmDb,
  table: Table,
  tally: Tally,
): AsyncGenerator<string, TableSum> {
  const hash = createHash("sha256");
  let rows = 0;
  for (let next: number | null = null; ; ) {
    const page = await readPage(db, table, next);
    if (page.next === null) return { table: table.name, rows, sha256: hash.digest("hex") };
    const lines = page.rows
      .map((row) => `${JSON.stringify({ table: table.name, row })}\n`)
      .join("");
    hash.update(lines);
    rows += page.rows.length;
    tally.rows += page.rows.length;
    tally.pages += 1;
    tally.largest = Math.max(tally.largest, lines.length);
    next = page.next;
    yield lines;
  }
}

/** The sum of a table as it stands in a database. */
export async function sumTable(db: RealmDb, table: Table, tally: Tally): Promise<TableSum> {
  const lines = tableLines(db, table, tally);
  for (;;) {
    const { done, value } = await lines.next();
    if (done) return value;
  }
}

export function newTally(): Tally {
  return { rows: 0, pages: 0, largest: 0 };
}
