import type { z } from "zod";
import type { PlatformCtx, SignedIn } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { isPlan } from "../../platform/limits/plans.ts";
import { Failure, type FieldError } from "../../platform/problems.ts";
import type { Region } from "../../platform/regions.ts";
import {
  chooseCell,
  claimDatabase,
  commit,
  isReservedSlug,
  requireCell,
  SCHEMA_VERSION,
  schemaOnceTouched,
  type TenantState,
} from "../../platform/tenancy/index.ts";
import { changeOverrides, type TenantRow, tellTenant } from "../tenants/index.ts";
import { ARCHIVE_VERSION } from "./archive-format.ts";
import type { ArchiveHeader, NewImport } from "./archives.schemas.ts";
import {
  findOpenImport,
  findTenantRow,
  type ImportRow,
  insertImport,
  insertImportedTenant,
  moveTenantState,
  neverLived,
  requireNoneOpen,
  reviveTenant,
} from "./imports.repository.ts";
import { wrongKeys } from "./master-keys.ts";

type Header = z.output<typeof ArchiveHeader>;

/** From where a tenant may be moved to another database. */
const MOVABLE: readonly TenantState[] = ["active", "suspended", "deactivated"];

/**
 * Begins an import: of a tenant that is not known here, or of one that is and moves. The cell that has
 * room claims the database; then the cell where a moving tenant lives makes it stand still. Each step may
 * be repeated, so whoever was cut off asks again.
 * @returns the import that is open now, whoever began it
 * @throws Failure `archive-invalid`, `import-state`, `tenant-state`, `not-found`, `slug-taken`,
 * `slug-reserved`, `pool-exhausted`, `misdirected`
 */
export async function beginImport(
  ctx: SignedIn<PlatformCtx>,
  asked: z.output<typeof NewImport>,
): Promise<ImportRow> {
  const header = asked.archive ?? null;
  if (header) await requireReadable(ctx, header);
  const id = header?.tenant.id ?? asked.tenant_id ?? "";
  const tenant = await findTenantRow(ctx.db, id);
  const open = await findOpenImport(ctx.db, id);
  if (open && tenant) return goOn(ctx, tenant, open, header);
  const isMove = tenant !== undefined && MOVABLE.includes(tenant.state);
  if (isMove) return begin(ctx, moveOf(ctx, tenant, header, asked.region));
  if (!header) {
    throw tenant
      ? new Failure("tenant-state", `The tenant is ${tenant.state}.`)
      : new Failure("not-found");
  }
  if (tenant && !(tenant.state === "purged" && (await neverLived(ctx.db, id)))) {
    throw new Failure("tenant-state", "A tenant with this id lives here, or has lived here.");
  }
  return begin(ctx, newcomer(ctx, header, tenant, asked.region));
}

/** What a beginning writes, besides the import itself. */
interface Beginning {
  readonly row: Omit<ImportRow, "cell" | "binding">;
  readonly step: ReturnType<typeof moveTenantState>;
  readonly slug: string;
}

async function begin(
  ctx: SignedIn<PlatformCtx>,
  { row, step, slug }: Beginning,
): Promise<ImportRow> {
  await chooseCell(ctx, row.region);
  const { id, tenantId, kind } = row;
  await commit(
    ctx,
    [requireNoneOpen(tenantId), claimDatabase(ctx, tenantId, "filling"), step, insertImport(row)],
    [{ action: "import.begun", target: tenantId, details: { import: id, kind, slug } }],
  );
  const tenant = await findTenantRow(ctx.db, tenantId);
  const made = await findOpenImport(ctx.db, tenantId);
  if (!tenant || made?.id !== id) throw new Failure("import-state");
  await standStill(ctx, tenant, made);
  return made;
}

/** Somebody asks again, or has another archive of the tenant. */
async function goOn(
  ctx: PlatformCtx,
  tenant: TenantRow,
  open: ImportRow,
  header: Header | null,
): Promise<ImportRow> {
  if (header && header.schema_version !== open.schemaVersion) {
    throw new Failure("import-state", "An import of an archive with another schema is open.");
  }
  await standStill(ctx, tenant, open);
  return open;
}

/** Nothing of a tenant that moves is changed from now on; its own cell sees to that. */
async function standStill(ctx: PlatformCtx, tenant: TenantRow, { kind }: ImportRow) {
  if (kind !== "move" || tenant.unsyncedSince === null) return;
  requireCell(ctx, tenant.cell);
  await tellTenant(ctx, tenant.id);
}

function moveOf(
  ctx: SignedIn<PlatformCtx>,
  tenant: TenantRow,
  header: Header | null,
  region: Region | null | undefined,
): Beginning {
  // What stands still was told so, and migrated before where it was far behind.
  const schemaVersion =
    header?.schema_version ?? schemaOnceTouched(ctx.settings, tenant.schemaVersion);
  const place = { region: region === undefined ? tenant.region : region };
  return {
    row: {
      ...rowOf(ctx, tenant.id, schemaVersion),
      ...place,
      kind: "move",
      priorState: tenant.state,
    },
    step: moveTenantState(tenant.id, [tenant.state], {
      state: "importing",
      unsyncedSince: new Date(),
    }),
    slug: tenant.slug,
  };
}

function newcomer(
  ctx: SignedIn<PlatformCtx>,
  header: Header,
  known: TenantRow | undefined,
  region: Region | null | undefined,
): Beginning {
  const { id, slug, name, plan, limits, quotas } = header.tenant;
  if (known && known.slug !== slug) {
    throw invalid([{ pointer: "/archive/tenant/slug", message: `is ${known.slug} here` }]);
  }
  if (isReservedSlug(slug)) throw new Failure("slug-reserved");
  const now = new Date();
  const place = { region: region === undefined ? header.tenant.region : region };
  const row = {
    id,
    slug,
    name,
    plan,
    limits: changeOverrides(null, limits, quotas),
    state: "importing",
    schemaVersion: header.schema_version,
    createdAt: known?.createdAt ?? now,
    updatedAt: now,
    version: 1,
    ...place,
  } as const;
  return {
    row: { ...rowOf(ctx, id, header.schema_version), ...place, kind: "new", priorState: "active" },
    step: known ? reviveTenant(row) : insertImportedTenant(row),
    slug,
  };
}

function rowOf(ctx: SignedIn<PlatformCtx>, tenantId: string, schemaVersion: number) {
  const now = new Date();
  return {
    id: newId("import"),
    tenantId,
    state: "receiving",
    schemaVersion,
    parts: 0,
    rows: 0,
    verification: null,
    startedBy: ctx.principal.id,
    startedAt: now,
    updatedAt: now,
    finishedAt: null,
    version: 1,
  } as const;
}

/** @throws Failure `archive-invalid` for an archive of which this release or these settings cannot tell */
async function requireReadable(ctx: PlatformCtx, header: Header): Promise<void> {
  const { id, plan } = header.tenant;
  const errors = await wrongKeys(ctx.settings.MASTER_KEY, id, header.keys);
  if (header.version > ARCHIVE_VERSION) errors.push(newer("version", ARCHIVE_VERSION));
  if (header.schema_version > SCHEMA_VERSION) errors.push(newer("schema_version", SCHEMA_VERSION));
  if (!isPlan(ctx.settings.PLANS, plan)) {
    errors.push({ pointer: "/archive/tenant/plan", message: "is no plan of the setting PLANS" });
  }
  if (errors.length > 0) throw invalid(errors);
}

function newer(field: string, known: number): FieldError {
  return { pointer: `/archive/${field}`, message: `is newer than this release knows: ${known}` };
}

function invalid(errors: readonly FieldError[]): Failure {
  return new Failure("archive-invalid", "The archive does not fit here.", { errors });
}
