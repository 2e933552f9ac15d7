import { and, desc, eq, gt, inArray, notInArray, sql } from "drizzle-orm";
import {
  auditLog,
  auditSums,
  type ControlDb,
  type RealmDb,
  realm,
  type Step,
  type TenantState,
  tenantDatabases,
  tenants,
  write,
} from "../../platform/tenancy/index.ts";
import { type ImportState, tenantImports } from "./archives.tables.ts";

export type ImportRow = typeof tenantImports.$inferSelect;

const OPEN: readonly ImportState[] = ["receiving", "verified"];

export async function findImport(db: ControlDb, id: string): Promise<ImportRow | undefined> {
  const [row] = await db.read(
    (reader) => reader.select().from(tenantImports).where(eq(tenantImports.id, id)),
    "primary",
  );
  return row;
}

export async function findTenantRow(
  db: ControlDb,
  id: string,
): Promise<typeof tenants.$inferSelect | undefined> {
  const [row] = await db.read(
    (reader) => reader.select().from(tenants).where(eq(tenants.id, id)),
    "primary",
  );
  return row;
}

/** The import that a tenant has under way. */
export async function findOpenImport(
  db: ControlDb,
  tenantId: string,
): Promise<ImportRow | undefined> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select()
        .from(tenantImports)
        .where(and(eq(tenantImports.tenantId, tenantId), inArray(tenantImports.state, [...OPEN]))),
    "primary",
  );
  return row;
}

/** Whether all that there ever was of a tenant here are imports that were given up. */
export async function neverLived(db: ControlDb, tenantId: string): Promise<boolean> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ state: tenantImports.state, kind: tenantImports.kind })
        .from(tenantImports)
        .where(eq(tenantImports.tenantId, tenantId)),
    "primary",
  );
  const gaveUp = rows.some(({ kind, state }) => kind === "new" && state === "abandoned");
  return gaveUp && !rows.some(({ state }) => state === "done");
}

/** Of all who begin an import of a tenant at once, one does. Stands before the claim of a database. */
export function requireNoneOpen(tenantId: string): Step {
  const open = sql`SELECT 1 FROM ${tenantImports} WHERE ${tenantImports.tenantId} = ${tenantId}
    AND ${tenantImports.state} IN ('receiving', 'verified')`;
  return {
    require: sql`NOT EXISTS (${open})`,
    as: "tenant_imports.none_open",
    otherwise: "import-state",
  };
}

/** The database that was claimed for a tenant in the same commit, before. */
const FILLING = (column: "cell" | "binding", tenantId: string) =>
  sql`(SELECT ${sql.identifier(column)} FROM ${tenantDatabases}
    WHERE ${tenantDatabases.tenantId} = ${tenantId} AND ${tenantDatabases.state} = 'filling')`;

/** An import begins; a tenant has one at a time. Its database is the one just claimed. */
export function insertImport(
  row: Omit<typeof tenantImports.$inferInsert, "cell" | "binding">,
): Step {
  return {
    statement: write.insert(tenantImports).values({
      ...row,
      cell: FILLING("cell", row.tenantId),
      binding: FILLING("binding", row.tenantId),
    } as never),
    expect: 1,
    as: "tenant_imports.insert",
  };
}

/** A tenant that nobody here has heard of. */
export function insertImportedTenant(
  row: Omit<typeof tenants.$inferInsert, "cell" | "binding">,
): Step {
  return {
    statement: write.insert(tenants).values({
      ...row,
      cell: FILLING("cell", row.id),
      binding: FILLING("binding", row.id),
    } as never),
    expect: 1,
    as: "tenants.import",
    taken: { "tenants.slug": "slug-taken", "tenants.id": "conflict" },
  };
}

/** The same of a tenant whose import was given up before. */
export function reviveTenant(row: Omit<typeof tenants.$inferInsert, "cell" | "binding">): Step {
  return {
    statement: write
      .update(tenants)
      .set({
        ...row,
        cell: FILLING("cell", row.id),
        binding: FILLING("binding", row.id),
        version: sql`${tenants.version} + 1`,
      } as never)
      .where(and(eq(tenants.id, row.id), eq(tenants.state, "purged"))),
    expect: 1,
    as: "tenants.revive",
  };
}

/** Takes a tenant from one state to another. `changes` come with it. */
export function moveTenantState(
  id: string,
  from: readonly TenantState[],
  changes: Record<string, unknown>,
): Step {
  return {
    statement: write
      .update(tenants)
      .set({ updatedAt: new Date(), version: sql`${tenants.version} + 1`, ...changes })
      .where(and(eq(tenants.id, id), inArray(tenants.state, [...from]))),
    expect: 1,
    as: "tenants.state",
    otherwise: "tenant-state",
  };
}

/** Changes an import, if it is still as it was read. */
export function updateImport(before: ImportRow, changes: Partial<ImportRow>): Step {
  return {
    statement: write
      .update(tenantImports)
      .set({ ...changes, version: before.version + 1 })
      .where(and(eq(tenantImports.id, before.id), eq(tenantImports.version, before.version))),
    expect: 1,
    as: "tenant_imports.update",
  };
}

/** From now on the tenant lives in the database that was filled. */
export function settleDatabase({ cell, binding, tenantId }: ImportRow): Step {
  return {
    statement: write
      .update(tenantDatabases)
      .set({ state: "serving" })
      .where(
        and(
          eq(tenantDatabases.cell, cell),
          eq(tenantDatabases.binding, binding),
          eq(tenantDatabases.tenantId, tenantId),
          eq(tenantDatabases.state, "filling"),
        ),
      ),
    expect: 1,
    as: "tenant_databases.settle",
  };
}

/** Where a log ends: its last row, and how often everything that is summed has happened. */
export interface LogHead {
  readonly seq: number;
  readonly sums: number;
}

export async function readLogHead(db: RealmDb): Promise<LogHead> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          seq: sql<number>`coalesce((SELECT max(seq) FROM ${auditLog}), 0)`,
          sums: sql<number>`coalesce((SELECT sum(count) FROM ${auditSums}), 0)`,
        })
        .from(sql`(SELECT 1)`),
    "primary",
  );
  if (!row) throw new Error("A select without a condition gave no row.");
  return row;
}

/** The first row of the log past a place, but for those of some actions. */
export async function readLaterAction(
  db: RealmDb,
  seq: number,
  passed: readonly string[],
): Promise<string | undefined> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({ action: auditLog.action })
        .from(auditLog)
        .where(and(gt(auditLog.seq, seq), notInArray(auditLog.action, [...passed])))
        .orderBy(auditLog.seq)
        .limit(1),
    "primary",
  );
  return row?.action;
}

/** Whether the log says already that this was done to that. */
export async function isLogged(db: RealmDb, action: string, target: string): Promise<boolean> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ seq: auditLog.seq })
        .from(auditLog)
        .where(and(eq(auditLog.target, target), eq(auditLog.action, action)))
        .orderBy(desc(auditLog.seq))
        .limit(1),
    "primary",
  );
  return rows.length > 0;
}

/** What the database says of itself; undefined when it says nothing. */
export async function readOwner(db: RealmDb) {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({ id: realm.id, status: realm.status, registryVersion: realm.registryVersion })
        .from(realm),
    "primary",
  );
  return row;
}
