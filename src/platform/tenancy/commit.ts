import { getTableName, sql } from "drizzle-orm";
import type { Ctx } from "../context.ts";
import { newId } from "../ids.ts";
import { errorFields } from "../observe/logger.ts";
import { Failure, type ProblemCode } from "../problems.ts";
import { auditLog, commitMarks } from "./audit.tables.ts";
import { type AuditEntry, auditSql, type NonEmpty } from "./audit-entry.ts";
import { rememberCommit } from "./bookmarks.ts";
import { markSql } from "./commit-mark.ts";
import { failedGuard, outcomeOf, violatedUnique } from "./d1-errors.ts";
import { handleOf, type PreparedSql, unavailable } from "./database.ts";
import { idempotencyKeys } from "./idempotency.tables.ts";
import { IdempotencyRace, idempotencySql } from "./idempotency-row.ts";
import { realm } from "./realm.tables.ts";
import { retryPause } from "./retry-pause.ts";
import { guard, type Step, stepSql } from "./statements.ts";

/** Tries after a lost connection. */
const RETRIES = 3;

/** Name of the guard that stops a commit in a database that is not the realm's. */
const OWN_DATABASE = "realm.own";
/** Name of the guard that stops all others while a tenant is being moved. */
const STANDS_STILL = "realm.still";

/**
 * Changes a realm's database: all steps, their audit rows and the stored answer in one batch, or
 * nothing. After a lost connection the same batch is tried again; its audit row or its mark, unique
 * per commit, tells whether it had been applied after all. An overloaded database is not tried again.
 *
 * @param result what the use case will return; it becomes the stored answer
 * @throws Failure what a step names in `otherwise` or `taken`, `database-unavailable` when nothing
 * was changed, `outcome-unknown` when that cannot be told
 * @throws Failure `tenant-provisioning` while the tenant is being moved
 * @throws IdempotencyRace another request with the same key was faster
 * @throws Error when the database holds another realm, or none; nothing was changed
 */
export async function commit<T = undefined>(
  ctx: Ctx,
  steps: readonly Step[],
  audit: NonEmpty<AuditEntry>,
  result?: T,
): Promise<T> {
  const id = newId("commit");
  const takeBack = await ctx.prepare?.(result);
  try {
    const batch = await batchOf(ctx, steps, audit, id, result);
    const results = await apply(ctx, batch, steps, id);
    rememberCommit(ctx);
    tellChanges(batch, results);
  } catch (error) {
    takeBack?.();
    throw error;
  }
  return result as T;
}

/** @returns what D1 told of each statement; nothing where its answer was lost */
async function apply(
  ctx: Ctx,
  batch: readonly PreparedSql[],
  steps: readonly Step[],
  id: string,
): Promise<readonly D1Result[]> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await handleOf(ctx.db).batch(batch);
    } catch (error) {
      // The first try is the only one that nothing can have gone before.
      if (attempt > 0 && (await wasApplied(ctx, id))) return [];
      const outcome = outcomeOf(error);
      if (outcome === "rejected") throw meaningOf(ctx, error, steps);
      ctx.log.warn("d1 commit failed", { commit_id: id, attempt, outcome, ...errorFields(error) });
      if (outcome === "overloaded" && attempt === 0) throw unavailable(error);
      if (outcome === "overloaded" || attempt === RETRIES) {
        throw new Failure("outcome-unknown", undefined, { cause: error });
      }
      await retryPause(attempt);
    }
  }
}

/**
 * Commits what is not the answer to a request: a refusal, a failed try, upkeep on the way. An
 * Idempotency-Key does not stand for it.
 */
export async function commitAside(
  ctx: Ctx,
  steps: readonly Step[],
  audit: NonEmpty<AuditEntry>,
): Promise<void> {
  const { idempotency: _, prepare: __, ...rest } = ctx;
  await commit(rest, steps, audit);
}

/**
 * Mark, answer, unconditional audit rows, then each step with its guard and the rows that follow it;
 * at last, when a new realm has its row too, whether the database is the realm's and does not stand still.
 */
async function batchOf(
  ctx: Ctx,
  steps: readonly Step[],
  audit: NonEmpty<AuditEntry>,
  commitId: string,
  result: unknown,
): Promise<PreparedSql[]> {
  const batch: PreparedSql[] = [];
  if (audit.every(({ summed, whenChanged }) => summed || whenChanged)) {
    batch.push(...markSql(commitId));
  }
  if (ctx.idempotency) batch.push(...(await idempotencySql(ctx.idempotency, result)));
  const entries = audit.map((entry, ordinal) => ({ entry, ordinal }));
  for (const { entry, ordinal } of entries) {
    if (!entry.whenChanged) batch.push(...(await auditSql(ctx, entry, commitId, ordinal)));
  }
  for (const step of steps.filter(({ since = 0 }) => since <= ctx.db.schemaVersion)) {
    batch.push(...stepSql(step));
    for (const { entry, ordinal } of entries) {
      if (entry.whenChanged !== step.as) continue;
      batch.push(...(await auditSql(ctx, entry, commitId, ordinal)));
    }
  }
  const { realmId } = ctx.db;
  const own = sql`EXISTS (SELECT 1 FROM ${realm} WHERE ${realm.id} = ${realmId})`;
  batch.push(guard(own, OWN_DATABASE));
  if (ctx.realm.slug !== null && !ctx.movesHouse) {
    const still = sql`NOT EXISTS (SELECT 1 FROM ${realm} WHERE ${realm.status} = 'moving')`;
    batch.push(guard(still, STANDS_STILL));
  }
  return batch;
}

/** Tells those who asked. There are no results where the answer to the commit was lost. */
function tellChanges(batch: readonly PreparedSql[], results: readonly D1Result[]): void {
  for (const [index, { meta }] of results.entries()) batch[index]?.changed?.(meta.changes);
}

/** Whether the commit left a row or its mark. If that cannot be read either, nobody knows. */
async function wasApplied(ctx: Ctx, commitId: string): Promise<boolean> {
  try {
    const rows = await ctx.db.read(
      (reader) =>
        reader
          .select({ found: sql<number>`1` })
          .from(auditLog)
          .where(sql`${auditLog.commitId} = ${commitId}`)
          .unionAll(
            reader
              .select({ found: sql<number>`1` })
              .from(commitMarks)
              .where(sql`${commitMarks.commitId} = ${commitId}`),
          )
          .limit(1),
      "primary",
    );
    return rows.length > 0;
  } catch (cause) {
    throw new Failure("outcome-unknown", undefined, { cause });
  }
}

/** What the statement that stopped the batch means to the caller. */
function meaningOf(ctx: Ctx, error: unknown, steps: readonly Step[]): unknown {
  const stale = failedGuard(error);
  if (stale === OWN_DATABASE) {
    return new Error(`The database of ${ctx.db.realmId} does not say that it is.`, {
      cause: error,
    });
  }
  if (stale === STANDS_STILL) {
    return new Failure("tenant-provisioning", "The tenant is being moved.", { cause: error });
  }
  if (stale) {
    const step = steps.find(({ as }) => as === stale);
    return new Failure(step?.otherwise ?? "conflict", undefined, { cause: error });
  }
  const unique = violatedUnique(error);
  if (!unique) return error;
  if (unique === `${getTableName(idempotencyKeys)}.key`)
    return new IdempotencyRace({ cause: error });
  const code = steps.flatMap((step) => ("taken" in step ? (step.taken?.[unique] ?? []) : []))[0];
  return code ? new Failure(code as ProblemCode, undefined, { cause: error }) : error;
}
