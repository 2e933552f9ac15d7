import type { Bindings } from "../../env.ts";
import type { PlatformCtx } from "../context.ts";
import { inParallel } from "../in-parallel.ts";
import { errorFields } from "../observe/logger.ts";
import { Failure } from "../problems.ts";
import { platformCtx } from "../tenancy/index.ts";
import { closeLost, findOmissions } from "./catch-up.ts";
import { EVERY_MINUTE } from "./crons.ts";
import { runJob } from "./run-job.ts";
import { beginRun, breakRun, type EarlierRun, endRun, type Run } from "./run-log.ts";

/** Work that a Cron Trigger starts. */
export interface Schedule {
  /** `area.what`, as logs, audit rows and the log of runs name it. */
  readonly name: string;
  /** One of the crons of `wrangler.toml`. */
  readonly cron: string;
  readonly run: (ctx: PlatformCtx, run: Run) => Promise<void>;
}

/** Schedules that run at once; with those made up for, D1's six connections of an invocation suffice. */
const AT_ONCE = 3;
/** Of those that are made up for. */
const LATE_AT_ONCE = 2;

/**
 * Runs the schedules of a cron at once, and logs each run. One that fails or hangs does not stop the
 * others; in the end the invocation fails, so that the platform's own figures show it. Every minute it
 * also makes up for what did not run, or not to its end.
 */
export async function runSchedules(
  schedules: readonly Schedule[],
  cron: string,
  env: Bindings,
): Promise<void> {
  const failures: unknown[] = [];
  const isDue = (schedule: Schedule) => schedule.cron === cron;
  await Promise.all([
    inParallel(schedules.filter(isDue), AT_ONCE, async (schedule) => {
      const failed = await runLogged(env, schedule);
      if (failed) failures.push(failed.error);
    }),
    cron === EVERY_MINUTE
      ? catchUp(
          schedules.filter((each) => !isDue(each)),
          env,
          failures,
        )
      : null,
  ]);
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} jobs failed`);
}

/** One run, with its row. @returns what it failed with */
function runLogged(
  env: Bindings,
  { name, run: work }: Schedule,
  earlier?: EarlierRun & { readonly resume: boolean },
) {
  return runJob(env, name, platformCtx, async (ctx) => {
    const run = await beginRun(ctx, name, earlier);
    try {
      await work(ctx, run);
    } catch (error) {
      await noteBroken(ctx, run, error);
      throw error;
    }
    await endRun(ctx, run);
  });
}

/** Where the log cannot be written either, the row stays as it is, and somebody finds it abandoned. */
async function noteBroken(ctx: PlatformCtx, run: Run, error: unknown): Promise<void> {
  try {
    await breakRun(ctx, run, error);
  } catch (unwritten) {
    ctx.log.warn("run not logged", { run: run.id, ...errorFields(unwritten) });
  }
}

/**
 * Starts what should have run. Whoever is faster, another minute's tick or the cron itself, does it.
 * @param schedules but for those of the minute itself, which its tick has just started
 */
async function catchUp(
  schedules: readonly Schedule[],
  env: Bindings,
  failures: unknown[],
): Promise<void> {
  const looked = await runJob(env, "jobs.catch_up", platformCtx, async (ctx) => {
    await closeLost(ctx);
    const omissions = await findOmissions(ctx, schedules);
    await inParallel(omissions, LATE_AT_ONCE, async ({ schedule, earlier }) => {
      const failed = await runLogged(env, schedule, earlier);
      const isOthers = failed?.error instanceof Failure && failed.error.code === "conflict";
      if (failed && !isOthers) failures.push(failed.error);
    });
  });
  if (looked) failures.push(looked.error);
}
