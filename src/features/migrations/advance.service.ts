import type { PlatformCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { doorbell, type JobAddress } from "../../platform/jobs/doorbell.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import {
  type AuditEntry,
  commit,
  jobScope,
  platformCtx,
  type Step,
  schemaGoal,
} from "../../platform/tenancy/index.ts";
import type { migrationRuns } from "./migrations.tables.ts";
import { findOpenRun, MOVED, moveOn } from "./runs.repository.ts";
import { CLAIMED, claimTargets, giveUpLost, listClaimed } from "./target-work.repository.ts";

/** What a bell calls for: the tenant's migration, in the run that is its item. */
export const MIGRATE: JobAddress = { name: "migrations.migrate", queue: "doorbells" };

/** Tries of one tenant in a run. */
export const MOST_TRIES = 3;
/** How long a bell may be on its way before it is rung again, in ms. */
const HEARD_WITHIN_MS = 120_000;

type Run = typeof migrationRuns.$inferSelect;

/** What became of a tenant, to be written in the commit that takes the next. */
export interface Outcome {
  readonly steps: readonly Step[];
  readonly audit: readonly AuditEntry[];
}

/**
 * Moves a run on, and fills the free places of this cell: claims tenants and rings for them. Each tenant
 * that is over makes room for the next, so a cell works on `concurrency` of them until none is left.
 * @param outcome what is noted of a tenant in the same commit
 */
export async function advance(
  ctx: PlatformCtx,
  run: Run,
  outcome: Outcome = { steps: [], audit: [] },
): Promise<void> {
  const { CELL: cell } = ctx.settings;
  const lease = newId("lease");
  const now = new Date();
  const until = new Date(now.getTime() + HEARD_WITHIN_MS);
  const about = (action: string, whenChanged: string) =>
    ({ action: `migration.${action}`, target: run.id, whenChanged }) as const;
  await commit(
    ctx,
    [
      ...outcome.steps,
      giveUpLost(run.id, { cell, tries: MOST_TRIES, now }),
      ...moveOn(run, now),
      claimTargets({ run, cell, lease, now, until }),
    ],
    [
      { ...about("claimed", CLAIMED), summed: true },
      about("halted", MOVED.halted),
      about("canary_passed", MOVED.fleet),
      about("finished", MOVED.done),
      ...outcome.audit,
    ],
  );
  const claimed = await listClaimed(ctx.db, run.id, cell, lease);
  try {
    await ctx.queues.ringAll(claimed.map((house) => doorbell(MIGRATE, house, { item: run.id })));
  } catch (error) {
    // They stay claimed; in two minutes the schedule rings for them again.
    ctx.log.warn("doorbells not rung", { job: MIGRATE.name, ...errorFields(error) });
  }
}

/**
 * Each minute: this cell's share of the run that is open, if one is. A cell that still has the release
 * before could not bring its tenants so far, and leaves them to the next.
 */
export async function advanceOpen(ctx: PlatformCtx): Promise<void> {
  const run = await findOpenRun(ctx.db);
  if (run && run.schemaVersion <= schemaGoal(ctx.settings)) await advance(ctx, run);
}

/** At once, for whoever has opened a run; where that fails, the schedule does it within a minute. */
export async function advanceSoon(ctx: PlatformCtx, run: Run): Promise<void> {
  // A claim on an answer that the caller's context holds is not this commit's.
  const job = platformCtx(jobScope(ctx.tenancy, "migrations.advance", ctx.request.id));
  try {
    await advance(job, run);
  } catch (error) {
    ctx.log.warn("migration not begun yet", { migration: run.id, ...errorFields(error) });
  }
}
