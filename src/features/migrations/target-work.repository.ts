/** What a cell does with the tenants of a run, one by one: claims, begins, and says how it ended. */
import { and, eq, ne, type SQL, sql } from "drizzle-orm";
import { type ControlDb, type Step, tenants, write } from "../../platform/tenancy/index.ts";
import { migrationRuns, migrationTargets, type TargetState } from "./migrations.tables.ts";
import type { TargetRow } from "./targets.repository.ts";

/** A tenant of a run. */
export interface TargetKey {
  readonly runId: string;
  readonly tenantId: string;
}

/** What a cell takes of a run, and for how long. */
export interface TargetClaim {
  readonly run: Pick<typeof migrationRuns.$inferSelect, "id" | "canary" | "concurrency">;
  readonly cell: string;
  readonly lease: string;
  readonly now: Date;
  readonly until: Date;
}

/** Name of the step, for the audit entry that hangs on it. */
export const CLAIMED = "migration_targets.claim";

/**
 * Claims as many tenants of the cell as there are free places: first those that nobody was heard of in
 * time, then those that wait; while the run tries its canary, that one alone.
 */
export function claimTargets({ run, cell, lease, now, until }: TargetClaim): Step {
  const time = now.getTime();
  const own = (states: string) =>
    sql`run_id = ${run.id} AND state ${sql.raw(states)} AND cell = ${cell}`;
  const isRunIn = (state: "canary" | "fleet") =>
    sql`EXISTS (SELECT 1 FROM ${migrationRuns} WHERE id = ${run.id} AND state = ${state})`;
  const mayGo = sql`(${isRunIn("fleet")}
    OR (tenant_id = ${run.canary ?? ""} AND ${isRunIn("canary")}))`;
  const free = sql`max(0, ${run.concurrency} - (SELECT count(*) FROM ${migrationTargets}
    WHERE ${own("IN ('claimed', 'running')")} AND claimed_until > ${time}))`;
  const due = sql`SELECT tenant_id FROM ${migrationTargets}
      WHERE ${own("IN ('claimed', 'running')")} AND claimed_until <= ${time} AND ${mayGo}
    UNION ALL SELECT tenant_id FROM ${migrationTargets} WHERE ${own("= 'pending'")} AND ${mayGo}
    LIMIT ${free}`;
  return {
    statement: write
      .update(migrationTargets)
      .set({ state: "claimed", lease, claimedUntil: until, updatedAt: now })
      .where(and(eq(migrationTargets.runId, run.id), sql`tenant_id IN (${due})`)),
    expect: "any",
    as: CLAIMED,
  };
}

/** Those that a claim has taken. */
export function listClaimed(db: ControlDb, runId: string, cell: string, lease: string) {
  return db.read(
    (reader) =>
      reader
        .select({ id: migrationTargets.tenantId, slug: migrationTargets.slug })
        .from(migrationTargets)
        .where(
          and(
            eq(migrationTargets.runId, runId),
            eq(migrationTargets.state, "claimed"),
            eq(migrationTargets.cell, cell),
            eq(migrationTargets.lease, lease),
          ),
        ),
    "primary",
  );
}

/**
 * Of all bells that call for a tenant, one begins; none where this release cannot bring it to the
 * run's schema.
 * @param goal the schema that this release brings tenants to
 */
export function beginTarget(
  { runId, tenantId }: TargetKey,
  { now, until, goal }: { now: Date; until: Date; goal: number },
): Step {
  const isWithinReach = sql`(SELECT schema_version FROM ${migrationRuns} WHERE id = ${runId}) <= ${goal}`;
  return {
    statement: write
      .update(migrationTargets)
      .set({
        state: "running",
        tries: sql`${migrationTargets.tries} + 1`,
        claimedUntil: until,
        updatedAt: now,
      })
      .where(
        and(isTarget({ runId, tenantId }), eq(migrationTargets.state, "claimed"), isWithinReach),
      ),
    expect: 1,
    as: "migration_targets.begin",
  };
}

/** The tenant as the registry has it now, with its run. */
export async function findTarget(db: ControlDb, { runId, tenantId }: TargetKey) {
  const [row] = await db.read(
    (reader) =>
      reader
        .select({ run: migrationRuns, target: migrationTargets, tenant: tenants })
        .from(migrationTargets)
        .innerJoin(migrationRuns, eq(migrationRuns.id, migrationTargets.runId))
        .innerJoin(tenants, eq(tenants.id, migrationTargets.tenantId))
        .where(isTarget({ runId, tenantId })),
    "primary",
  );
  return row;
}

export type Found = NonNullable<Awaited<ReturnType<typeof findTarget>>>;

/**
 * It has the schema: whoever brought it there, and however late they say so. The registry is asked once
 * more: a tenant that has moved meanwhile may have another database, which has not.
 */
export function targetDone(key: TargetKey, schemaVersion: number, now: Date): Step {
  const hasIt = sql`EXISTS (SELECT 1 FROM ${tenants}
    WHERE id = ${key.tenantId} AND schema_version >= ${schemaVersion})`;
  return change(key, and(ne(migrationTargets.state, "done"), hasIt), "done", {
    ...over("done", now),
    error: null,
  });
}

/** It is failed, or, with a time, tried again then. Only who works on it may say so. */
export function targetFailed(
  { target, error, retryAt }: { target: TargetRow; error: string; retryAt: Date | null },
  now: Date,
): Step {
  const mine = and(
    eq(migrationTargets.state, "running"),
    eq(migrationTargets.lease, target.lease ?? ""),
  );
  const next = retryAt
    ? ({ state: "claimed", claimedUntil: retryAt, updatedAt: now } as const)
    : over("failed", now);
  return change(target, mine, "fail", { ...next, error });
}

/** It lives in another cell by now. */
export function handOver(key: TargetKey, cell: string, now: Date): Step {
  const running = eq(migrationTargets.state, "running");
  return change(key, running, "hand_over", { ...over("pending", now), cell });
}

/** It has left, or is being moved, and is no longer the run's to migrate. */
export function dropTarget(key: TargetKey): Step {
  return {
    statement: write.delete(migrationTargets).where(isTarget(key)),
    expect: "any",
    as: "migration_targets.drop",
  };
}

/** Who was begun so often and never ended would be begun for ever. */
export function giveUpLost(
  runId: string,
  { cell, tries, now }: { cell: string; tries: number; now: Date },
): Step {
  return {
    statement: write
      .update(migrationTargets)
      .set({ ...over("failed", now), error: "abandoned" })
      .where(
        sql`run_id = ${runId} AND state = 'running' AND cell = ${cell}
          AND claimed_until <= ${now.getTime()} AND tries >= ${tries}`,
      ),
    expect: "any",
    as: "migration_targets.give_up",
  };
}

const isTarget = ({ runId, tenantId }: TargetKey) =>
  and(eq(migrationTargets.runId, runId), eq(migrationTargets.tenantId, tenantId));

const over = (state: TargetState, now: Date) =>
  ({ state, lease: null, claimedUntil: null, updatedAt: now }) as const;

function change(key: TargetKey, when: SQL | undefined, as: string, set: Partial<TargetRow>): Step {
  return {
    statement: write
      .update(migrationTargets)
      .set(set)
      .where(and(isTarget(key), when)),
    expect: "any",
    as: `migration_targets.${as}`,
  };
}
