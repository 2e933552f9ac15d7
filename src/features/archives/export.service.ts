import type { z } from "zod";
import type { PlatformCtx, SignedIn, TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { Failure } from "../../platform/problems.ts";
import {
  commit,
  enterClosed,
  readSchemaVersion,
  readSequences,
  readTables,
  requireCell,
  type Table,
  type TenantState,
} from "../../platform/tenancy/index.ts";
import { getTenant, limitsOf, quotasOf, type TenantRow, tellTenant } from "../tenants/index.ts";
import { ARCHIVE_FORMAT, ARCHIVE_VERSION } from "./archive-format.ts";
import { newTally, type Run, runLines, type Tally } from "./archive-lines.ts";
import type { ArchiveHeader, ArchiveManifest, ExportQuery } from "./archives.schemas.ts";
import { type ExportPlace, openPlace, packRun, sealPlace, unpackRun } from "./export-cursor.ts";
import { findOpenImport, readLogHead } from "./imports.repository.ts";
import { proveKeys } from "./master-keys.ts";

/** A tenant in another state is changed by its users all the time. */
const STILL: readonly TenantState[] = ["suspended", "deactivated", "importing"];

/**
 * Takes out all data of a tenant, or as much of it as one request may read. Both logs say so before the
 * first row leaves; who goes on with `after` is who they name, and the same tenant.
 * @returns the archive's lines, made as they are read
 * @throws Failure `not-found`, `tenant-state`, `misdirected`, `invalid-cursor`
 */
export async function exportTenant(
  ctx: SignedIn<PlatformCtx>,
  id: string,
  { reason, after, pages }: z.output<typeof ExportQuery>,
): Promise<AsyncGenerator<string>> {
  const tenant = await getTenant(ctx, id, "primary");
  await requireStill(ctx, tenant);
  requireCell(ctx, tenant.cell);
  const place = after === undefined ? null : await openPlace(ctx, id, ctx.principal.id, after);
  if (tenant.unsyncedSince !== null) await tellTenant(ctx, id);
  const house = await enterClosed(ctx, tenant);
  if (!place) {
    const entry = { action: "tenant.exported", target: id, details: { reason } };
    await commit(house, [], [entry]);
    await commit(ctx, [], [entry]);
  }
  return archiveLines(ctx, tenant, house, { place, pages });
}

/** @throws Failure `tenant-state` */
async function requireStill(ctx: PlatformCtx, { id, state }: TenantRow): Promise<void> {
  const isNew = state === "importing" && (await findOpenImport(ctx.db, id))?.kind !== "move";
  if (STILL.includes(state) && !isNew) return;
  throw new Failure("tenant-state", "Suspend or deactivate the tenant first, or begin its move.");
}

/** The archive from a place on. What goes wrong on the way is its last line: the answer has begun. */
async function* archiveLines(
  ctx: SignedIn<PlatformCtx>,
  tenant: TenantRow,
  house: TenantCtx,
  { place, pages }: { readonly place: ExportPlace | null; readonly pages: number },
): AsyncGenerator<string> {
  const tally = newTally();
  try {
    const tables = await readTables(house.db);
    const before = await standOf(house);
    const by = ctx.principal.id;
    const at = place ?? { by, ...before, table: 0, after: null, runs: [] };
    if (!place) yield line({ header: await headerOf(ctx, tenant, at.schemaVersion, tables) });
    yield* rowLines(house, tables, at, { tally, pages });
    const sequences = await readSequences(house.db);
    const { log, schemaVersion } = at;
    if (!isSame({ log, schemaVersion }, await standOf(house))) {
      throw new Failure("conflict", "The tenant changed meanwhile. Export it again.");
    }
    const isWhole = at.table === tables.length;
    const runs = at.runs.map((run) => unpackRun(run, tables));
    yield isWhole
      ? line({ manifest: manifestOf(tenant, schemaVersion, { log, tables: runs, sequences }) })
      : line({ next: await sealPlace(ctx, tenant.id, at) });
    ctx.log.info("tenant exported", { tenant: tenant.id, whole: isWhole, ...tally });
  } catch (error) {
    ctx.log.error("export broken off", { tenant: tenant.id, ...tally, ...errorFields(error) });
    const detail = error instanceof Failure ? error.message : "Something went wrong on our side";
    yield line({ error: { detail, request_id: ctx.request.id } });
  }
}

/** Rows and the ends of their runs, until a request has read enough. `at` goes along. */
async function* rowLines(
  house: TenantCtx,
  tables: readonly Table[],
  at: ExportPlace,
  { tally, pages }: { readonly tally: Tally; readonly pages: number },
): AsyncGenerator<string, void> {
  for (;;) {
    const table = tables[at.table];
    if (!table || tally.pages >= pages) return;
    const run: Run = yield* runLines(house.db, table, { after: at.after, pages }, tally);
    // Where a run ended with the last row of its table, nothing is left to say of it.
    if (run.sum.rows > 0 || at.after === null) {
      at.runs.push(packRun(at.table, run.sum));
      yield line(run.sum);
    }
    at.table += run.endsTable ? 1 : 0;
    at.after = run.endsTable ? null : run.after;
  }
}

const line = (value: object) => `${JSON.stringify(value)}\n`;

type Stand = Pick<ExportPlace, "log" | "schemaVersion">;

/** What changes when anything of a tenant does. */
async function standOf({ db }: TenantCtx): Promise<Stand> {
  return { log: await readLogHead(db), schemaVersion: await readSchemaVersion(db) };
}

function isSame(one: Stand, other: Stand): boolean {
  return (
    one.log.seq === other.log.seq &&
    one.log.sums === other.log.sums &&
    one.schemaVersion === other.schemaVersion
  );
}

async function headerOf(
  ctx: PlatformCtx,
  tenant: TenantRow,
  schemaVersion: number,
  tables: readonly Table[],
): Promise<z.input<typeof ArchiveHeader>> {
  const { id, slug, name, state, region, plan, limits: own } = tenant;
  return {
    format: ARCHIVE_FORMAT,
    version: ARCHIVE_VERSION,
    schema_version: schemaVersion,
    exported_at: new Date().toISOString(),
    tenant: { id, slug, name, state, region, plan, limits: limitsOf(own), quotas: quotasOf(own) },
    keys: await proveKeys(ctx.settings.MASTER_KEY, id),
    tables: tables.map(({ name: table, columns }) => ({ table, columns: [...columns] })),
  };
}

function manifestOf(
  tenant: TenantRow,
  schemaVersion: number,
  rest: Pick<z.input<typeof ArchiveManifest>, "log" | "tables" | "sequences">,
): z.input<typeof ArchiveManifest> {
  return {
    format: ARCHIVE_FORMAT,
    version: ARCHIVE_VERSION,
    schema_version: schemaVersion,
    tenant_id: tenant.id,
    ...rest,
  };
}
