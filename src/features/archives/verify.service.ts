import type { z } from "zod";
import type { PlatformCtx, TenantCtx } from "../../platform/context.ts";
import { sha256Hex } from "../../platform/crypto/digest.ts";
import { Failure, type FieldError } from "../../platform/problems.ts";
import {
  fillSequences,
  readPage,
  readSequences,
  readTables,
  type Table,
} from "../../platform/tenancy/index.ts";
import { newTally, type Run, type RunSum, sumRun } from "./archive-lines.ts";
import type { ArchiveManifest } from "./archives.schemas.ts";
import type { Verification } from "./archives.tables.ts";
import { type ImportRow, readLaterAction, readLogHead, readOwner } from "./imports.repository.ts";
import { passOf } from "./imports.service.ts";

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

/** How far the comparison with this manifest has come. */
export async function verificationOf(row: ImportRow, manifest: Manifest): Promise<Verification> {
  const digest = await sha256Hex(JSON.stringify(manifest));
  if (row.verification?.manifest === digest) return row.verification;
  return { manifest: digest, logChecked: false, runs: 0, rows: 0, after: null };
}

/**
 * Reads the filled database on from where the request before came, and compares each run of rows with the
 * manifest. A run is compared whole, so a request reads at most one run more than it is to.
 * @returns how far it has come
 * @throws Failure `archive-invalid` naming every table that was found to differ
 */
export async function verifyRuns(
  ctx: PlatformCtx,
  house: TenantCtx,
  row: ImportRow,
  { manifest, pages }: { readonly manifest: Manifest; readonly pages: number },
): Promise<Verification> {
  const tables = await readTables(house.db);
  requireTables(manifest, tables);
  const tally = newTally();
  const errors: FieldError[] = [];
  let { runs, rows, after, ...rest } = await verificationOf(row, manifest);
  for (; runs < manifest.tables.length && tally.pages < pages; runs++) {
    const told = manifest.tables[runs] as RunSum;
    const table = tables.find(({ name }) => name === told.table) as Table;
    const run = await sumRun(house.db, table, { after, rows: told.rows }, tally);
    const isLast = manifest.tables[runs + 1]?.table !== told.table;
    const difference = differenceOf(told, run, isLast && (await goesOn(house, table, run)));
    tally.pages += isLast ? 1 : 0;
    if (difference) errors.push({ pointer: `/tables/${runs}`, message: difference });
    rows += run.sum.rows;
    after = isLast ? null : run.after;
  }
  ctx.log.info("rows verified", { tenant: row.tenantId, ...tally, errors: errors.length });
  if (errors.length > 0) throw invalid("The database holds something else.", errors);
  return { ...rest, runs, rows, after };
}

/** @throws Failure `archive-invalid` unless it names the tables that there are */
function requireTables(manifest: Manifest, tables: readonly Table[]): void {
  const errors: FieldError[] = [];
  const here = new Set(tables.map(({ name }) => name));
  for (const [index, { table }] of manifest.tables.entries()) {
    if (here.has(table)) continue;
    errors.push({ pointer: `/tables/${index}`, message: `${table} is no table of this schema` });
  }
  const there = new Set(manifest.tables.map(({ table }) => table));
  for (const name of here.difference(there)) {
    errors.push({ pointer: "/tables", message: `${name} is missing` });
  }
  if (errors.length > 0) throw invalid("The database has other tables.", errors);
}

async function goesOn(house: TenantCtx, table: Table, { after }: Run): Promise<boolean> {
  return (await readPage(house.db, table, after, 1)).next !== null;
}

/** @returns what is wrong with a run, in words */
function differenceOf(told: RunSum, { sum }: Run, goesOn: boolean): string | undefined {
  if (sum.rows !== told.rows) return `${told.table} has ${sum.rows} rows of ${told.rows}`;
  if (goesOn) return `${told.table} has more rows than the archive`;
  if (sum.sha256 === told.sha256) return undefined;
  return `${told.table} has rows that are not the archive's`;
}

/**
 * Compares what is no row of a table: whose they are, and what counting tables go on from.
 * @throws Failure `archive-invalid`
 */
export async function verifyRest(
  house: TenantCtx,
  row: ImportRow,
  manifest: Manifest,
): Promise<void> {
  const errors: FieldError[] = [];
  if ((await readOwner(house.db))?.id !== row.tenantId) {
    errors.push({ pointer: "/tables", message: "no row of realm says whose they are" });
  }
  if (errors.length === 0) await fillSequences(house.db, passOf(row), manifest.sequences);
  const sequences = await readSequences(house.db);
  for (const [name, seq] of Object.entries(manifest.sequences)) {
    if (sequences[name] === seq) continue;
    errors.push({ pointer: `/sequences/${name}`, message: `is ${sequences[name]} here` });
  }
  if (errors.length > 0) throw invalid("The database holds something else.", errors);
}

function invalid(detail: string, errors: readonly FieldError[]): Failure {
  return new Failure("archive-invalid", detail, { errors });
}
