import type { z } from "zod";
import type { PlatformCtx } from "../../platform/context.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import type { FencePass } from "../../platform/tenancy/index.ts";
import { getTenant } from "../tenants/index.ts";
import type { ImportQuery } from "./archives.schemas.ts";
import { findImport, type ImportRow } from "./imports.repository.ts";
import { listImports } from "./imports-list.repository.ts";

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

/**
 * A tenant's imports, newest first.
 * @throws Failure `not-found`, `invalid-cursor`
 */
export async function list(
  ctx: PlatformCtx,
  tenantId: string,
  { limit, cursor }: z.output<typeof ImportQuery>,
): Promise<Page<ImportRow>> {
  await getTenant(ctx, tenantId, "primary");
  return paginate(
    ctx,
    { list: "imports", filters: { tenant: tenantId }, limit, cursor },
    (after, count) => listImports(ctx.db, tenantId, after, count),
    ({ id }) => [id],
  );
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

/** What lets an import write into the database that it fills, until it goes on. */
export function passOf({ id, version }: ImportRow): FencePass {
  return { importId: id, version };
}
