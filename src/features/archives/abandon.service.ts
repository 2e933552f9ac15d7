import type { PlatformCtx } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, forgetRoute, requireCell, retireDatabase } from "../../platform/tenancy/index.ts";
import { getTenant, tellTenant } from "../tenants/index.ts";
import { moveTenantState, updateImport } from "./imports.repository.ts";
import { getImport, type ImportName } from "./imports.service.ts";

/**
 * Gives up an import. What was filled so far is retired. A moving tenant goes back to where and what it
 * was. Of a new one the registry keeps the id and the slug, which nobody else is ever given.
 * @throws Failure `not-found`, `misdirected`, `import-state`, `conflict`
 */
export async function abandonImport(ctx: PlatformCtx, name: ImportName): Promise<void> {
  const row = await getImport(ctx, name);
  if (row.state === "abandoned") return;
  if (row.state === "done") throw new Failure("import-state", "The import is done.");
  const tenant = await getTenant(ctx, row.tenantId, "primary");
  requireCell(ctx, tenant.cell);
  const now = new Date();
  const back =
    row.kind === "move"
      ? { state: row.priorState, unsyncedSince: now }
      : { state: "purged", unsyncedSince: null };
  await commit(
    ctx,
    [
      updateImport(row, { state: "abandoned", finishedAt: now, updatedAt: now }),
      moveTenantState(tenant.id, ["importing"], back),
      retireDatabase(row.cell, row.binding),
    ],
    [{ action: "import.abandoned", target: tenant.id, details: { import: row.id } }],
  );
  forgetRoute(tenant.slug);
  if (row.kind === "move") await tellTenant(ctx, tenant.id);
}
