import type { PlatformCtx } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import {
  commit,
  enterClosed,
  fillTables,
  furnish,
  readTables,
  requireCell,
} from "../../platform/tenancy/index.ts";
import { type ImportRow, updateImport } from "./imports.repository.ts";
import { fillingRoute, getImport, type ImportName, passOf } from "./imports.service.ts";
import { readRows } from "./part-rows.ts";

/**
 * Writes a part of an archive into the database that is being filled. Parts come one after the other;
 * one that was taken in is left as it is, so that whoever heard no answer sends it again. Rows that are
 * there stay: two who send the same part at once write it once. What has been compared so far is compared
 * anew; whoever comes after the comparison has begun, with what was read before, writes nothing.
 * @throws Failure `not-found`, `misdirected`, `import-state`, `archive-invalid`, `conflict`
 */
export async function takePart(
  ctx: PlatformCtx,
  name: ImportName & { readonly part: number },
  lines: readonly unknown[],
): Promise<ImportRow> {
  const found = await getImport(ctx, name);
  requireCell(ctx, found.cell);
  if (found.state === "abandoned") throw new Failure("import-state", "The import was abandoned.");
  if (name.part <= found.parts) return found;
  if (found.state !== "receiving") throw new Failure("import-state", "The import is complete.");
  if (name.part > found.parts + 1) {
    throw new Failure("import-state", `The next part is ${found.parts + 1}.`);
  }
  const row = await endComparison(ctx, found);
  const route = fillingRoute(row, "");
  if (row.parts === 0) await furnish(ctx, route, row.id);
  const house = await enterClosed(ctx, route);
  const fillings = readRows(lines, await readTables(house.db), row.tenantId);
  await fillTables(house.db, passOf(row), fillings);
  const taken = fillings.reduce((sum, { rows }) => sum + rows.length, 0);
  const changes = {
    parts: name.part,
    rows: row.rows + taken,
    updatedAt: new Date(),
  };
  return commit(
    ctx,
    [updateImport(row, changes)],
    [{ action: "import.part_taken", target: row.id, summed: true }],
    { ...row, ...changes, version: row.version + 1 },
  );
}

/** The import, of which nothing counts as compared. It stands in the registry before a row is written. */
async function endComparison(ctx: PlatformCtx, row: ImportRow): Promise<ImportRow> {
  if (row.verification === null) return row;
  const changes = { verification: null, updatedAt: new Date() };
  return commit(
    ctx,
    [updateImport(row, changes)],
    [{ action: "import.comparison_ended", target: row.id, summed: true }],
    { ...row, ...changes, version: row.version + 1 },
  );
}
