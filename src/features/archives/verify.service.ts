import type { z } from "zod";
import type { PlatformCtx, TenantCtx } from "../../platform/context.ts";
import { Failure, type FieldError } from "../../platform/problems.ts";
import { fillSequences, readSequences, readTables } from "../../platform/tenancy/index.ts";
import { newTally, sumTable } from "./archive-lines.ts";
import type { ArchiveManifest } from "./archives.schemas.ts";
import { type ImportRow, readLaterAction, readLogHead, readOwner } from "./imports.repository.ts";

type Manifest = z.output<typeof ArchiveManifest>;

/** What a log may hold after the archive was made: the move itself, and that it was exported again. */
const OF_THE_MOVE = ["tenant.move_begun", "tenant.exported"];

/** @throws Failure `archive-invalid` for the manifest of something else */
export function requireManifestOf(row: ImportRow, manifest: Manifest): void {
  const errors: FieldError[] = [];
  if (manifest.tenant_id !== row.tenantId) {
    errors.push({ pointer: "/tenant_id", message: "is another tenant's id" });
  }
  if (manifest.schema_version !== row.schemaVersion) {
    errors.push({
      pointer: "/schema_version",
      message: `is not the import's: ${row.schemaVersion}`,
    });
  }
  if (errors.length > 0) throw invalid("This is the manifest of another archive.", errors);
}

/**
 * Makes sure that a moving tenant leaves nothing behind: its database stands still, and its log ends
 * where the archive's does.
 * @param house the database that it leaves
 * @throws Failure `import-state`
 */
export async function requireNothingLeftBehind(house: TenantCtx, manifest: Manifest) {
  const owner = await readOwner(house.db);
  if (owner?.status !== "moving") {
    throw new Failure("import-state", "The tenant does not stand still yet. Try again soon.");
  }
  const { log } = manifest;
  const head = await readLogHead(house.db);
  const later = await readLaterAction(house.db, log.seq, OF_THE_MOVE);
  if (later === undefined && head.sums === log.sums && head.seq >= log.seq) return;
  throw new Failure(
    "import-state",
    "The tenant changed after it was exported. Abandon this import, begin its move, and export it then.",
  );
}

/**
 * Reads the filled database and compares each table with the manifest.
 * @throws Failure `archive-invalid` naming every table that differs
 */
export async function verify(
  ctx: PlatformCtx,
  house: TenantCtx,
  row: ImportRow,
  manifest: Manifest,
): Promise<void> {
  const tables = await readTables(house.db);
  const errors: FieldError[] = [];
  const tally = newTally();
  for (const [index, { table: name }] of manifest.tables.entries()) {
    if (tables.some((table) => table.name === name)) continue;
    errors.push({ pointer: `/tables/${index}`, message: `${name} is no table of this schema` });
  }
  for (const table of tables) {
    const index = manifest.tables.findIndex((each) => each.table === table.name);
    const told = manifest.tables[index];
    const found = await sumTable(house.db, table, tally);
    if (told?.rows === found.rows && told.sha256 === found.sha256) continue;
    errors.push({ pointer: `/tables/${index}`, message: differenceOf(table.name, told, found) });
  }
  if ((await readOwner(house.db))?.id !== row.tenantId) {
    errors.push({ pointer: "/tables", message: "no row of realm says whose they are" });
  }
  ctx.log.info("import verified", { tenant: row.tenantId, ...tally, errors: errors.length });
  if (errors.length > 0) throw invalid("The database holds something else.", errors);
  await fillSequences(house.db, manifest.sequences);
  const sequences = await readSequences(house.db);
  for (const [name, seq] of Object.entries(manifest.sequences)) {
    if (sequences[name] === seq) continue;
    errors.push({ pointer: `/sequences/${name}`, message: `is ${sequences[name]} here` });
  }
  if (errors.length > 0) throw invalid("The database counts from elsewhere.", errors);
}

interface Sum {
  readonly rows: number;
}

function differenceOf(name: string, told: Sum | undefined, found: Sum): string {
  if (!told) return `${name} is missing`;
  if (told.rows !== found.rows) return `${name} has ${found.rows} rows of ${told.rows}`;
  return `${name} has rows that are not the archive's`;
}

function invalid(detail: string, errors: readonly FieldError[]): Failure {
  return new Failure("archive-invalid", detail, { errors });
}
