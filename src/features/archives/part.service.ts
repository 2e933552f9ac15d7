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
import { fillingRoute, getImport, type ImportName } from "./imports.service.ts";
import { readRows } from "./part-rows.ts";

/**
 * Writes a part of an archive into the database that is being filled. Parts come one after the other;
 * one that was taken in is left as it is, so that whoever heard no answer sends it again. Rows that are
 * there stay: two who send the same part at once write it once.
 * @throws Failure `not-found`, `misdirected`, `import-state`, `archive-invalid`, `conflict`
 */
export async function takePart(
  ctx: PlatformCtx,
  name: ImportName & { readonly part: number },
  lines: readonly unknown[],
): Promise<ImportRow> {
  const row = await getImport(ctx, name);
  requireCell(ctx, row.cell);
  if (row.state === "abandoned") throw new Failure("import-state", "The import was abandoned.");
  if (name.part <= row.parts) return row;
  if (row.state !== "receiving") throw new Failure("import-state", "The import is complete.");
  if (name.part > row.parts + 1) {
    throw new Failure("import-state", `The next part is ${row.parts + 1}.`);
  }
  const route = fillingRoute(row, "");
  if (row.parts === 0) await furnish(ctx, route);
  const house = await enterClosed(ctx, route);
  const fillings = readRows(lines, await readTables(house.db), row.tenantId);
  await fillTables(house.db, fillings);
  const taken = fillings.reduce((sum, { rows }) => sum + rows.length, 0);
  const changes = { parts: name.part, rows: row.rows + taken, updatedAt: new Date() };
  return commit(
    ctx,
    [updateImport(row, changes)],
    [{ action: "import.part_taken", target: row.id, summed: true }],
    { ...row, ...changes, version: row.version + 1 },
  );
}
