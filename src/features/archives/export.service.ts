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
import { newTally, type TableSum, tableLines } from "./archive-lines.ts";
import type { ArchiveHeader, ArchiveManifest } from "./archives.schemas.ts";
import { findOpenImport, type LogHead, readLogHead } from "./imports.repository.ts";
import { proveKeys } from "./master-keys.ts";

/** A tenant in another state is changed by its users all the time. */
const STILL: readonly TenantState[] = ["suspended", "deactivated", "importing"];

/**
 * Takes out all data of a tenant. Both logs say so before the first row leaves.
 * @returns the archive's lines, made as they are read
 * @throws Failure `not-found`, `tenant-state`, `misdirected`
 */
export async function exportTenant(
  ctx: SignedIn<PlatformCtx>,
  id: string,
  reason: string,
): Promise<AsyncGenerator<string>> {
  const tenant = await getTenant(ctx, id, "primary");
  await requireStill(ctx, tenant);
  requireCell(ctx, tenant.cell);
  if (tenant.unsyncedSince !== null) await tellTenant(ctx, id);
  const house = await enterClosed(ctx, tenant);
  const entry = { action: "tenant.exported", target: id, details: { reason } };
  await commit(house, [], [entry]);
  await commit(ctx, [], [entry]);
  return archiveLines(ctx, tenant, house);
}

/** @throws Failure `tenant-state` */
async function requireStill(ctx: PlatformCtx, { id, state }: TenantRow): Promise<void> {
  const isNew = state === "importing" && (await findOpenImport(ctx.db, id))?.kind !== "move";
  if (STILL.includes(state) && !isNew) return;
  throw new Failure("tenant-state", "Suspend or deactivate the tenant first, or begin its move.");
}

/** The whole archive. What goes wrong on the way is its last line: the answer has begun. */
async function* archiveLines(
  ctx: PlatformCtx,
  tenant: TenantRow,
  house: TenantCtx,
): AsyncGenerator<string> {
  const tally = newTally();
  try {
    const tables = await readTables(house.db);
    const schemaVersion = await readSchemaVersion(house.db);
    const log = await readLogHead(house.db);
    yield line({ header: await headerOf(ctx, tenant, schemaVersion, tables) });
    const sums: TableSum[] = [];
    for (const table of tables) {
      const sum: TableSum = yield* tableLines(house.db, table, tally);
      sums.push(sum);
      yield line(sum);
    }
    const sequences = await readSequences(house.db);
    if (!isSame(log, await readLogHead(house.db))) {
      throw new Failure("conflict", "The tenant changed meanwhile. Export it again.");
    }
    yield line({ manifest: manifestOf(tenant, schemaVersion, { log, tables: sums, sequences }) });
    ctx.log.info("tenant exported", { tenant: tenant.id, ...tally });
  } catch (error) {
    ctx.log.error("export broken off", { tenant: tenant.id, ...tally, ...errorFields(error) });
    const detail = error instanceof Failure ? error.message : "Something went wrong on our side";
    yield line({ error: { detail, request_id: ctx.request.id } });
  }
}

const line = (value: object) => `${JSON.stringify(value)}\n`;

const isSame = (one: LogHead, other: LogHead) => one.seq === other.seq && one.sums === other.sums;

async function headerOf(
  ctx: PlatformCtx,
  tenant: TenantRow,
  schemaVersion: number,
  tables: readonly Table[],
): Promise<z.input<typeof ArchiveHeader>> {
  const { id, slug, name, state, plan, limits } = tenant;
  return {
    format: ARCHIVE_FORMAT,
    version: ARCHIVE_VERSION,
    schema_version: schemaVersion,
    exported_at: new Date().toISOString(),
    tenant: { id, slug, name, state, plan, limits: limitsOf(limits), quotas: quotasOf(limits) },
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
