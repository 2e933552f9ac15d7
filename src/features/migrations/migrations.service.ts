import type { z } from "zod";
import type { PlatformCtx, SignedIn } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, schemaGoal } from "../../platform/tenancy/index.ts";
import { advanceSoon } from "./advance.service.ts";
import type { MigrationQuery, NewMigration } from "./migrations.schemas.ts";
import {
  findOpenRun,
  findRun,
  haltRun,
  insertRun,
  listRuns,
  noneOpen,
  type RunRow,
  reopenRun,
} from "./runs.repository.ts";
import {
  cancelTargets,
  countTargets,
  findCanary,
  insertTargets,
  listFailed,
  retryFailed,
  type TargetRow,
} from "./targets.repository.ts";

/** Failed tenants that a run's answer names. */
const MOST_FAILURES = 100;

export type RunDetails = RunRow & {
  readonly totals: { readonly pending: number; readonly done: number; readonly failed: number };
  readonly failures: readonly TargetRow[];
};

export function list(
  ctx: PlatformCtx,
  { limit, cursor }: z.output<typeof MigrationQuery>,
): Promise<Page<RunRow>> {
  return paginate(
    ctx,
    { list: "migrations", filters: {}, limit, cursor },
    (after, count) => listRuns(ctx.db, after, count),
    ({ id }) => [id],
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: PlatformCtx, id: string): Promise<RunDetails> {
  const run = await requireRun(ctx, id);
  const counts = await countTargets(ctx.db, id);
  const total = (...states: string[]) =>
    counts
      .filter(({ state }) => states.includes(state))
      .reduce((sum, each) => sum + each.tenants, 0);
  const totals = {
    pending: total("pending", "claimed", "running"),
    done: total("done"),
    failed: total("failed"),
  };
  return { ...run, totals, failures: await listFailed(ctx.db, id, MOST_FAILURES) };
}

/**
 * Begins to bring all tenants to the schema of this release.
 * @throws Failure `migration-running`, with the id of the run that is open; `validation-failed` for a
 * canary that is no tenant, or has left
 */
export async function start(
  ctx: SignedIn<PlatformCtx>,
  { canary, concurrency }: z.output<typeof NewMigration>,
): Promise<RunRow> {
  const canaryId = canary === undefined ? null : await requireCanary(ctx, canary);
  const now = new Date();
  const run = {
    id: newId("migration"),
    state: canaryId === null ? ("fleet" as const) : ("canary" as const),
    schemaVersion: schemaGoal(ctx.settings),
    canary: canaryId,
    concurrency,
    startedBy: ctx.principal.id,
    startedAt: now,
    updatedAt: now,
    finishedAt: null,
    version: 1,
  };
  const details = { schema_version: run.schemaVersion, canary: canary ?? null, concurrency };
  const result = await commit(
    ctx,
    [noneOpen(), insertRun(run), insertTargets(run.id, run.schemaVersion, now)],
    [{ action: "migration.started", target: run.id, details }],
    { ...run, canarySlug: canary ?? null },
  ).catch((error: unknown) => nameOpen(ctx, error));
  await advanceSoon(ctx, run);
  return result;
}

async function requireCanary(ctx: PlatformCtx, slug: string): Promise<string> {
  const tenant = await findCanary(ctx.db, slug);
  if (tenant?.state === "active" || tenant?.state === "suspended") return tenant.id;
  throw new Failure("validation-failed", "Some values are not valid.", {
    errors: [{ pointer: "/canary", message: "must be the slug of a tenant that can be migrated" }],
  });
}

/** Says which run stands in the way. */
async function nameOpen(ctx: PlatformCtx, error: unknown): Promise<never> {
  if (!(error instanceof Failure) || error.code !== "migration-running") throw error;
  const open = await findOpenRun(ctx.db);
  if (!open) throw new Failure("conflict", undefined, { cause: error });
  throw new Failure("migration-running", `The migration ${open.id} is not over yet.`, {
    extensions: { migration_id: open.id },
    cause: error,
  });
}

/**
 * Has the failed tenants of a run tried again; a halted one begins with its canary.
 * @throws Failure `not-found`, `migration-state`, `migration-running`, `conflict`
 */
export async function resume(ctx: SignedIn<PlatformCtx>, id: string): Promise<RunRow> {
  const before = await requireRun(ctx, id, "primary");
  if (before.schemaVersion > schemaGoal(ctx.settings)) {
    throw new Failure("migration-state", "This release does not have the run's schema.");
  }
  const now = new Date();
  const isCanary = before.state === "halted" || before.state === "canary";
  const changes = {
    state: isCanary ? ("canary" as const) : ("fleet" as const),
    updatedAt: now,
    finishedAt: null,
    version: before.version + 1,
  };
  const { canarySlug, ...run } = { ...before, ...changes };
  const result = await commit(
    ctx,
    [noneOpen(id), ...retryFailed(id, now), reopenRun(id, before.version, changes)],
    [{ action: "migration.resumed", target: id }],
    { ...run, canarySlug },
  ).catch((error: unknown) => nameOpen(ctx, error));
  await advanceSoon(ctx, run);
  return result;
}

/**
 * Halts an open run, whatever it waits for: a cell that is down would hold up all others for ever. Who is
 * not done counts as failed, so that the run can be resumed; a migration that is under way ends as it will.
 * A run that is over stays as it is.
 * @throws Failure `not-found`, `conflict`
 */
export async function cancel(ctx: SignedIn<PlatformCtx>, id: string): Promise<RunRow> {
  const before = await requireRun(ctx, id, "primary");
  if (before.state !== "canary" && before.state !== "fleet") return before;
  const now = new Date();
  const changes = {
    state: "halted",
    updatedAt: now,
    finishedAt: now,
    version: before.version + 1,
  } as const;
  return commit(
    ctx,
    [haltRun(id, before.version, changes), cancelTargets(id, now)],
    [{ action: "migration.cancelled", target: id }],
    { ...before, ...changes },
  );
}

async function requireRun(ctx: PlatformCtx, id: string, from?: "primary"): Promise<RunRow> {
  const run = await findRun(ctx.db, id, from);
  if (!run) throw new Failure("not-found");
  return run;
}
