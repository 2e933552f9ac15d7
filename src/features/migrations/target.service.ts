import type { PlatformCtx } from "../../platform/context.ts";
import type { Doorbell } from "../../platform/jobs/doorbell.ts";
import { faultKind } from "../../platform/jobs/fault-kind.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, migrateTenant, schemaGoal } from "../../platform/tenancy/index.ts";
import { advance, MOST_TRIES, type Outcome } from "./advance.service.ts";
import {
  beginTarget,
  dropTarget,
  type Found,
  findTarget,
  handOver,
  targetDone,
  targetFailed,
} from "./target-work.repository.ts";

/** How long a tenant's migrations may take, in ms; each is one batch, which D1 gives 30 s. */
const WORK_MS = 300_000;
/** Pause before a tenant whose database did not answer is tried again, in ms, times its tries. */
const PAUSE_MS = 15_000;

/** Migrates the tenant that the bell names, notes what became of it, and rings for the next. */
export async function migrateTarget(
  ctx: PlatformCtx,
  { tenant_id: tenantId, item: runId = "" }: Doorbell,
): Promise<void> {
  if (!(await begin(ctx, runId, tenantId))) return;
  const found = await findTarget(ctx.db, { runId, tenantId });
  if (found) await advance(ctx, found.run, await outcomeOf(ctx, found));
}

/**
 * Whether this bell is the one that begins. An isolate of the release before may hear it, as those that
 * a deploy has not replaced yet: it leaves the tenant claimed, and the schedule rings again.
 */
async function begin(ctx: PlatformCtx, runId: string, tenantId: string): Promise<boolean> {
  const now = new Date();
  const until = new Date(now.getTime() + WORK_MS);
  try {
    await commit(
      ctx,
      [beginTarget({ runId, tenantId }, { now, until, goal: schemaGoal(ctx.settings) })],
      [{ action: "migration.tenant_begun", target: runId, summed: true }],
    );
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "conflict") return false;
    throw error;
  }
}

async function outcomeOf(ctx: PlatformCtx, found: Found): Promise<Outcome> {
  const { run, target, tenant } = found;
  if (tenant.state !== "active" && tenant.state !== "suspended") {
    return { steps: [dropTarget(target)], audit: [] };
  }
  if (tenant.cell !== ctx.settings.CELL) {
    return { steps: [handOver(target, tenant.cell, new Date())], audit: [] };
  }
  try {
    if (tenant.schemaVersion < run.schemaVersion) await migrateTenant(ctx, tenant);
  } catch (error) {
    return failureOf(ctx, found, error);
  }
  return { steps: [targetDone(target, run.schemaVersion, new Date())], audit: [] };
}

/** A database that did not answer may do so soon; one that refuses will refuse again. */
function failureOf(ctx: PlatformCtx, { run, target }: Found, error: unknown): Outcome {
  const { tenantId, slug, tries } = target;
  const now = Date.now();
  const again = error instanceof Failure && tries < MOST_TRIES;
  const kind = faultKind(error);
  ctx.log.error("tenant migration failed", {
    migration: run.id,
    tenant: slug,
    tries,
    again,
    ...errorFields(error),
  });
  const retryAt = again ? new Date(now + PAUSE_MS * tries) : null;
  const details = { migration: run.id, error: kind, tries };
  return {
    steps: [targetFailed({ target, error: kind, retryAt }, new Date(now))],
    audit: again ? [] : [{ action: "tenant.migration_failed", target: tenantId, details }],
  };
}
