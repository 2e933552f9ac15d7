import type { PlatformCtx } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import { findImport, type ImportRow } from "./imports.repository.ts";

/** Names an import, as its path does. */
export interface ImportName {
  readonly id: string;
  readonly import: string;
}

/** @throws Failure `not-found` */
export async function getImport(ctx: PlatformCtx, name: ImportName): Promise<ImportRow> {
  const row = await findImport(ctx.db, name.import);
  if (row?.tenantId !== name.id) throw new Failure("not-found");
  return row;
}

/** The way to the database that an import fills. */
export function fillingRoute(row: ImportRow, slug: string) {
  return {
    id: row.tenantId,
    slug,
    cell: row.cell,
    binding: row.binding,
    state: "importing",
    schemaVersion: row.schemaVersion,
  } as const;
}
