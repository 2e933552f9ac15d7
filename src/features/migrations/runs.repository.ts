import { and, desc, eq, getTableColumns, lt, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import { type ControlDb, type Step, tenants, write } from "../../platform/tenancy/index.ts";
import { type MigrationState, migrationRuns, migrationTargets } from "./migrations.tables.ts";

type Run = typeof migrationRuns.$inferSelect;
/** A run, with its canary's slug. */
export type RunRow = Run & { readonly canarySlug: string | null };

/** Written out, so that the index of open runs fits it. */
const OPEN = sql.raw("state IN ('canary', 'fleet')");

const columns = { ...getTableColumns(migrationRuns), canarySlug: tenants.slug };

/** Runs, newest first. */
export function listRuns(db: ControlDb, after: Keyset | null, count: number): Promise<RunRow[]> {
  return db.read((reader) =>
    reader
      .select(columns)
      .from(migrationRuns)
      .leftJoin(tenants, eq(tenants.id, migrationRuns.canary))
      .where(after ? lt(migrationRuns.id, String(after[0])) : undefined)
      .orderBy(desc(migrationRuns.id))
      .limit(count),
  );
}

export async function findRun(
  db: ControlDb,
  id: string,
  from?: "primary",
): Promise<RunRow | undefined> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select(columns)
        .from(migrationRuns)
        .leftJoin(tenants, eq(tenants.id, migrationRuns.canary))
        .where(eq(migrationRuns.id, id)),
    from,
  );
  return row;
}

/** The run that is open, if one is. */
export async function findOpenRun(db: ControlDb): Promise<Run | undefined> {
  const [row] = await db.read(
    (reader) => reader.select().from(migrationRuns).where(sql`${migrationRuns}.${OPEN}`),
    "primary",
  );
  return row;
}

/** @param but a run that may be open */
export function noneOpen(but = ""): Step {
  return {
    require: sql`NOT EXISTS (SELECT 1 FROM ${migrationRuns} WHERE ${OPEN} AND id <> ${but})`,
    as: "migration_runs.none_open",
    otherwise: "migration-running",
  };
}

export function insertRun(run: Run): Step {
  return {
    statement: write.insert(migrationRuns).values(run),
    expect: 1,
    as: "migration_runs.insert",
  };
}

/** Opens a run again. */
export function reopenRun(id: string, fromVersion: number, changes: Partial<Run>): Step {
  return {
    statement: write
      .update(migrationRuns)
      .set(changes)
      .where(and(eq(migrationRuns.id, id), eq(migrationRuns.version, fromVersion))),
    expect: 1,
    as: "migration_runs.reopen",
  };
}

/** Halts a run that is open. */
export function haltRun(id: string, fromVersion: number, changes: Partial<Run>): Step {
  return {
    statement: write
      .update(migrationRuns)
      .set(changes)
      .where(
        and(
          eq(migrationRuns.id, id),
          eq(migrationRuns.version, fromVersion),
          sql`${migrationRuns}.${OPEN}`,
        ),
      ),
    expect: 1,
    as: "migration_runs.cancel",
  };
}

/** Names of the steps that move a run, for the audit entries that hang on them. */
export const MOVED = {
  halted: "migration_runs.halt",
  fleet: "migration_runs.fleet",
  done: "migration_runs.done",
} as const;

/**
 * Moves a run on as far as its tenants allow. It waits for a canary only while that one is a tenant
 * of the run: one that was up to date before proves as much as one that is so now.
 */
export function moveOn({ id, canary }: Pick<Run, "id" | "canary">, now: Date): Step[] {
  const is = (states: string) =>
    sql`EXISTS (SELECT 1 FROM ${migrationTargets} AS target
      WHERE target.run_id = ${id} AND target.tenant_id = ${canary ?? ""}
        AND target.state ${sql.raw(states)})`;
  const someOpen = sql`EXISTS (SELECT 1 FROM ${migrationTargets} AS target
    WHERE target.run_id = ${id} AND target.state IN ('pending', 'claimed', 'running'))`;
  return [
    move(id, "canary", "halted", is("= 'failed'"), now),
    move(id, "canary", "fleet", sql`NOT ${is("<> 'done'")}`, now),
    move(id, "fleet", "done", sql`NOT ${someOpen}`, now),
  ];
}

function move(
  id: string,
  from: MigrationState,
  to: keyof typeof MOVED,
  when: ReturnType<typeof sql>,
  now: Date,
): Step {
  const isOver = to !== "fleet";
  return {
    statement: write
      .update(migrationRuns)
      .set({
        state: to,
        updatedAt: now,
        version: sql`${migrationRuns.version} + 1`,
        ...(isOver ? { finishedAt: now } : {}),
      })
      .where(and(eq(migrationRuns.id, id), eq(migrationRuns.state, from), when)),
    expect: "any",
    as: MOVED[to],
  };
}
