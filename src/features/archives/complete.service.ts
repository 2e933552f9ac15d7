import type { z } from "zod";
import type { PlatformCtx } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import {
  type AuditEntry,
  commit,
  enterClosed,
  forgetRoute,
  raiseFence,
  requireCell,
  retireDatabase,
  type Step,
  takeDownFence,
} from "../../platform/tenancy/index.ts";
import { getTenant, type TenantRow, tellTenant } from "../tenants/index.ts";
import type { ArchiveManifest } from "./archives.schemas.ts";
import {
  type ImportRow,
  isLogged,
  moveTenantState,
  readOwner,
  settleDatabase,
  updateImport,
} from "./imports.repository.ts";
import { fillingRoute, getImport, type ImportName, passOf } from "./imports.service.ts";
import {
  requireManifestOf,
  requireNothingLeftBehind,
  verificationOf,
  verifyRest,
  verifyRuns,
} from "./verify.service.ts";

type Manifest = z.output<typeof ArchiveManifest>;

/**
 * Lets a tenant live in the database that was filled. The cell that a moving tenant leaves compares its
 * log; the cell that it comes to compares every row, notes the import in the tenant's own log and, by one
 * commit in the registry, puts the new database in the place of the old. Each step may be repeated, and
 * the comparison is taken up where it was. The old database stays as it is, standing still, so that
 * nobody who still knows the way can change it.
 * @param pages pages of rows that this request compares, roughly
 * @returns the import; not done where there is more to compare
 * @throws Failure `not-found`, `misdirected`, `import-state`, `archive-invalid`, `conflict`
 */
export async function completeImport(
  ctx: PlatformCtx,
  name: ImportName,
  manifest: Manifest,
  pages: number,
): Promise<ImportRow> {
  const row = await getImport(ctx, name);
  if (row.state === "done") return row;
  if (row.state === "abandoned") throw new Failure("import-state", "The import was abandoned.");
  requireManifestOf(row, manifest);
  const tenant = await getTenant(ctx, row.tenantId, "primary");
  const checked = await checkedAtHome(ctx, tenant, row, manifest);
  requireCell(ctx, row.cell);
  if (checked.parts === 0) throw new Failure("import-state", "No part has come yet.");
  const verified = await verifiedHere(ctx, tenant, checked, { manifest, pages });
  if (verified.state !== "verified") return verified;
  const done = await settle(ctx, tenant, verified);
  forgetRoute(tenant.slug);
  await tellTenant(ctx, tenant.id);
  return done;
}

/** The import, after the cell that the tenant leaves has found that nothing stays behind. */
async function checkedAtHome(
  ctx: PlatformCtx,
  tenant: TenantRow,
  row: ImportRow,
  manifest: Manifest,
): Promise<ImportRow> {
  const verification = await verificationOf(row, manifest);
  if (row.kind === "new" || verification.logChecked) return row;
  requireCell(ctx, tenant.cell);
  if (tenant.unsyncedSince !== null) await tellTenant(ctx, tenant.id);
  await requireNothingLeftBehind(await enterClosed(ctx, tenant), manifest);
  const changes = { verification: { ...verification, logChecked: true }, updatedAt: new Date() };
  return change(ctx, row, changes, { action: "import.log_checked" });
}

/** The import, after the cell that the tenant comes to has found every row in its place, or some more. */
async function verifiedHere(
  ctx: PlatformCtx,
  tenant: TenantRow,
  row: ImportRow,
  { manifest, pages }: { readonly manifest: Manifest; readonly pages: number },
): Promise<ImportRow> {
  if (row.state === "verified") return row;
  const house = await enterClosed(ctx, fillingRoute(row, tenant.slug));
  const begun = await comparisonOf(ctx, row, manifest);
  await raiseFence(house.db, passOf(begun));
  const verification = await verifyRuns(ctx, house, begun, { manifest, pages });
  const changes = { verification, updatedAt: new Date() };
  if (verification.runs < manifest.tables.length) {
    return change(ctx, begun, changes, { action: "import.rows_verified", summed: true });
  }
  await verifyRest(house, begun, manifest);
  return change(ctx, begun, { ...changes, state: "verified" }, { action: "import.verified" });
}

/**
 * The import, with the registry saying what it is compared with. A part that comes from now on says there
 * first that this is over; one that was on its way before is shut out.
 */
async function comparisonOf(
  ctx: PlatformCtx,
  row: ImportRow,
  manifest: Manifest,
): Promise<ImportRow> {
  const verification = await verificationOf(row, manifest);
  if (row.verification?.manifest === verification.manifest) return row;
  const changes = { verification, updatedAt: new Date() };
  return change(ctx, row, changes, { action: "import.comparison_begun", summed: true });
}

/** One commit in the registry: before it the tenant lives in the old database, after it in the new. */
async function settle(ctx: PlatformCtx, tenant: TenantRow, row: ImportRow): Promise<ImportRow> {
  const house = await enterClosed(ctx, fillingRoute(row, tenant.slug));
  await takeDownFence(house.db);
  if (!(await isLogged(house.db, "tenant.imported", row.id))) {
    await commit(house, [], [{ action: "tenant.imported", target: row.id }]);
  }
  const owner = await readOwner(house.db);
  const now = new Date();
  const left: Step[] = row.kind === "move" ? [retireDatabase(tenant.cell, tenant.binding)] : [];
  const changes = { state: "done", finishedAt: now, updatedAt: now } as const;
  return commit(
    ctx,
    [
      updateImport(row, changes),
      moveTenantState(tenant.id, ["importing"], {
        state: row.priorState,
        cell: row.cell,
        binding: row.binding,
        schemaVersion: row.schemaVersion,
        region: row.region,
        unsyncedSince: now,
        // The database hears nothing that is older than what it has heard elsewhere.
        version: Math.max(tenant.version, owner?.registryVersion ?? 0) + 1,
      }),
      settleDatabase(row),
      ...left,
    ],
    [
      {
        action: "tenant.imported",
        target: tenant.id,
        details: { import: row.id, cell: row.cell, from: row.kind === "move" ? tenant.cell : null },
      },
    ],
    { ...row, ...changes, version: row.version + 1 },
  );
}

function change(
  ctx: PlatformCtx,
  row: ImportRow,
  changes: Partial<ImportRow>,
  entry: Pick<AuditEntry, "action" | "summed">,
): Promise<ImportRow> {
  const result = { ...row, ...changes, version: row.version + 1 };
  return commit(ctx, [updateImport(row, changes)], [{ ...entry, target: row.id }], result);
}
