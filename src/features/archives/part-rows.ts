import { Failure, type FieldError } from "../../platform/problems.ts";
import {
  type Filling,
  isTableValue,
  sizeOfRow,
  type Table,
  type TableRow,
} from "../../platform/tenancy/index.ts";

/** What D1 takes as one row, in bytes. */
const ROW_BYTES = 2_000_000;

/**
 * Reads the lines of a part: rows, and the ends of tables, which say nothing that the manifest does not.
 * @param tables those of the database that the rows are for
 * @param tenantId whose rows they have to be
 * @returns the rows in their order, by runs of one table
 * @throws Failure `archive-invalid` naming the first line that is wrong
 */
export function readRows(
  lines: readonly unknown[],
  tables: readonly Table[],
  tenantId: string,
): Filling[] {
  const runs: { table: Table; rows: TableRow[] }[] = [];
  for (const [index, line] of lines.entries()) {
    const pointer = `/${index}`;
    const { table: name, row, rows } = asRecord(line, pointer);
    const table = tables.find((each) => each.name === name);
    if (!table) throw wrong({ pointer: `${pointer}/table`, message: "is no table of this schema" });
    if (row === undefined && typeof rows === "number") continue;
    requireRow(row, table, `${pointer}/row`, tenantId);
    const run = runs.at(-1);
    if (run?.table === table) run.rows.push(row);
    else runs.push({ table, rows: [row] });
  }
  return runs;
}

function asRecord(line: unknown, pointer: string): Readonly<Record<string, unknown>> {
  if (typeof line !== "object" || line === null || !("table" in line)) {
    const message = "is neither a row nor the end of a table";
    throw wrong({ pointer, message });
  }
  return line as Readonly<Record<string, unknown>>;
}

function requireRow(
  row: unknown,
  table: Table,
  pointer: string,
  tenantId: string,
): asserts row is TableRow {
  const width = table.columns.length;
  if (!Array.isArray(row) || row.length !== width) {
    throw wrong({ pointer, message: `must have ${width} values` });
  }
  const bad = row.findIndex((value) => !isTableValue(value));
  if (bad >= 0) throw wrong({ pointer: `${pointer}/${bad}`, message: "is no value of an archive" });
  if (sizeOfRow(row) > ROW_BYTES) {
    throw wrong({ pointer, message: `is larger than ${ROW_BYTES} bytes` });
  }
  const owner = table.name === "realm" ? table.columns.indexOf("id") : -1;
  if (owner >= 0 && row[owner] !== tenantId) {
    throw wrong({ pointer: `${pointer}/${owner}`, message: "is another tenant's id" });
  }
}

function wrong(error: FieldError): Failure {
  return new Failure("archive-invalid", "The part cannot be taken in.", { errors: [error] });
}
