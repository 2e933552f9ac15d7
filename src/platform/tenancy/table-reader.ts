import { type SQL, sql } from "drizzle-orm";
import type { RealmDb } from "./database.ts";
import type { Table } from "./table-shapes.ts";
import { fromSelected, type TableRow } from "./table-values.ts";

/** What one read brings at most: rows, and bytes of them unless a single row is larger. */
const PAGE_ROWS = 500;
const PAGE_BYTES = 1_000_000;

/** Rows that follow each other in a table. */
export interface TablePage {
  readonly rows: readonly TableRow[];
  /** Where the next page begins: after this one. Null when there is none. */
  readonly next: number | null;
}

/**
 * Reads the rows of a table in the order in which they came to be, a page at a time, whatever its columns
 * are. The database itself counts how many rows make a page, so that large rows do not come 500 at once.
 * @param after `next` of the page before; null for the first
 * @param most rows at most, where fewer than a page's are wanted
 */
export async function readPage(
  db: RealmDb,
  table: Table,
  after: number | null,
  most = PAGE_ROWS,
): Promise<TablePage> {
  const name = sql.identifier(table.name);
  const columns = table.columns.map((column) => sql`${sql.identifier(column)}`);
  const rest = sql`${name} WHERE rowid > ${after ?? Number.MIN_SAFE_INTEGER} ORDER BY rowid`;
  const sizes = columns.map((column) => sql`coalesce(octet_length(${column}), 0)`);
  const size = joined(sizes, sql`+`);
  const fitting = sql`SELECT max(1, count(*)) FROM (
      SELECT sum(size) OVER (ORDER BY place ROWS UNBOUNDED PRECEDING) AS total
      FROM (SELECT rowid AS place, ${size} AS size FROM ${rest} LIMIT ${Math.min(most, PAGE_ROWS)})
    ) WHERE total <= ${PAGE_BYTES}`;
  const classes = columns.map((column) => sql`substr(typeof(${column}), 1, 1)`);
  const selected: Record<string, SQL> = { place: sql`place`, classes: joined(classes, sql`||`) };
  for (const [index, column] of columns.entries()) selected[`c${index}`] = selectedAs(column);
  const rows = await db.read(
    (reader) =>
      reader
        .select(selected)
        .from(sql`(SELECT rowid AS place, * FROM ${rest} LIMIT (${fitting}))`)
        .orderBy(sql`place`),
    "primary",
  );
  const places = rows.map(({ place }) => Number(place));
  return {
    rows: rows.map((row) => toRow(row, table.columns.length)),
    next: places.at(-1) ?? null,
  };
}

const SAFE = sql.raw(String(Number.MAX_SAFE_INTEGER));

/** What JavaScript would not get as it is comes as text. */
function selectedAs(column: SQL): SQL {
  return sql`CASE typeof(${column})
    WHEN 'blob' THEN hex(${column})
    WHEN 'integer' THEN iif(${column} BETWEEN -${SAFE} AND ${SAFE}, ${column}, CAST(${column} AS TEXT))
    WHEN 'real' THEN iif(abs(${column}) = 9e999, CAST(${column} AS TEXT), ${column})
    ELSE ${column} END`;
}

function toRow(row: Readonly<Record<string, unknown>>, width: number): TableRow {
  const classes = String(row.classes);
  return Array.from({ length: width }, (_, index) =>
    fromSelected(classes[index] as Parameters<typeof fromSelected>[0], row[`c${index}`]),
  );
}

/** Terms with an operator between, as a tree that is not deep: SQLite takes a hundred levels. */
function joined(terms: readonly SQL[], operator: SQL): SQL {
  const half = Math.ceil(terms.length / 2);
  const [first = sql`''`] = terms;
  if (terms.length <= 1) return first;
  const [left, right] = [terms.slice(0, half), terms.slice(half)];
  return sql`(${joined(left, operator)} ${operator} ${joined(right, operator)})`;
}
