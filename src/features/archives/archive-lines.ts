import { createHash } from "node:crypto";
import { type RealmDb, readPage, type Table } from "../../platform/tenancy/index.ts";

/** What a manifest says of a run of rows: a table, or a piece of one that is too large for one request. */
export interface RunSum {
  readonly table: string;
  readonly rows: number;
  /** SHA-256 over the lines, each with its newline. */
  readonly sha256: string;
}

/** A run of rows, as far as it was read. */
export interface Run {
  readonly sum: RunSum;
  /** Where the next run of the table begins: after this place. */
  readonly after: number | null;
  /** Whether there was found to be no row behind it. */
  readonly endsTable: boolean;
}

/** Which rows of a table are read. */
interface Range {
  /** Behind which place; null for all. */
  readonly after: number | null;
  /** How many at most. */
  readonly rows?: number;
  /** How many pages the tally may have at most. */
  readonly pages?: number;
}

/** How much was read, for the log. */
export interface Tally {
  rows: number;
  /** Queries, also those that found no row. */
  pages: number;
  /** Characters of the largest page. */
  largest: number;
}

/**
 * The lines of a run of rows, some at a time: those of as many rows as one read brings. They are never
 * all in memory. At last the run itself.
 */
export async function* runLines(
  db: RealmDb,
  table: Table,
  range: Range,
  tally: Tally,
): AsyncGenerator<string, Run> {
  const { rows: most = Number.POSITIVE_INFINITY, pages = Number.POSITIVE_INFINITY } = range;
  const hash = createHash("sha256");
  let { after } = range;
  let rows = 0;
  let endsTable = false;
  while (rows < most && tally.pages < pages && !endsTable) {
    const page = await readPage(db, table, after, most - rows);
    tally.pages += 1;
    endsTable = page.next === null;
    if (endsTable) continue;
    const lines = page.rows
      .map((row) => `${JSON.stringify({ table: table.name, row })}\n`)
      .join("");
    hash.update(lines);
    rows += page.rows.length;
    tally.rows += page.rows.length;
    tally.largest = Math.max(tally.largest, lines.length);
    after = page.next;
    yield lines;
  }
  return { sum: { table: table.name, rows, sha256: hash.digest("hex") }, after, endsTable };
}

/** A run of rows as it stands in a database. */
export async function sumRun(db: RealmDb, table: Table, range: Range, tally: Tally): Promise<Run> {
  const lines = runLines(db, table, range, tally);
  for (;;) {
    const { done, value } = await lines.next();
    if (done) return value;
  }
}

export function newTally(): Tally {
  return { rows: 0, pages: 0, largest: 0 };
}
