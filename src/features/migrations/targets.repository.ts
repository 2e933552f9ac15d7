import { and, asc, eq, sql } from "drizzle-orm";
import { type ControlDb, type Step, tenants, write } from "../../platform/tenancy/index.ts";
import { migrationTargets } from "./migrations.tables.ts";

/** Everybody who is behind, in all cells, in one statement. Who has left is not waited for. */
export function insertTargets(runId: string, schemaVersion: number, now: Date): Step {
  return {
    // In the order of the table's columns.
    statement: write.insert(migrationTargets).select(
      sql`SELECT ${runId}, id, slug, cell, 'pending', NULL, NULL, 0, NULL, ${now.getTime()}
        FROM ${tenants} WHERE state IN ('active', 'suspended') AND schema_version < ${schemaVersion}`,
    ),
    expect: "any",
    as: "migration_targets.insert",
  };
}

/** Whom a slug names, if anybody. */
export async function findCanary(db: ControlDb, slug: string) {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({ id: tenants.id, state: tenants.state })
        .from(tenants)
        .where(eq(tenants.slug, slug)),
    "primary",
  );
  return row;
}

/** How many tenants of a run stand how. */
export function countTargets(db: ControlDb, runId: string) {
  return db.read((reader) =>
    reader
      .select({ state: migrationTargets.state, tenants: sql<number>`count(*)` })
      .from(migrationTargets)
      .where(eq(migrationTargets.runId, runId))
      .groupBy(migrationTargets.state),
  );
}

export function listFailed(db: ControlDb, runId: string, count: number) {
  return db.read((reader) =>
    reader
      .select()
      .from(migrationTargets)
      .where(and(eq(migrationTargets.runId, runId), eq(migrationTargets.state, "failed")))
      .orderBy(asc(migrationTargets.cell))
      .limit(count),
  );
}

export type TargetRow = Awaited<ReturnType<typeof listFailed>>[number];

/** Whoever has failed is to be tried again, as if it had not been. */
export function retryFailed(runId: string, now: Date): Step[] {
  const failed = and(eq(migrationTargets.runId, runId), eq(migrationTargets.state, "failed"));
  return [
    {
      require: sql`EXISTS (SELECT 1 FROM ${migrationTargets} WHERE ${failed})`,
      as: "migration_targets.failed",
      otherwise: "migration-state",
    },
    {
      statement: write
        .update(migrationTargets)
        .set({ state: "pending", tries: 0, error: null, lease: null, updatedAt: now })
        .where(failed),
      expect: "any",
      as: "migration_targets.retry",
    },
  ];
}

/** Nobody works on a run any more: who was not done is failed, and may be tried again. */
export function cancelTargets(runId: string, now: Date): Step {
  return {
    statement: write
      .update(migrationTargets)
      .set({ state: "failed", error: "cancelled", lease: null, claimedUntil: null, updatedAt: now })
      .where(sql`run_id = ${runId} AND state IN ('pending', 'claimed', 'running')`),
    expect: "any",
    as: "migration_targets.cancel",
  };
}
