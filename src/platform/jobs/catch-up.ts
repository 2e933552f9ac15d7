import { type SQL, sql } from "drizzle-orm";
import type { PlatformCtx } from "../context.ts";
import { idFrom } from "../ids.ts";
import { type Step, write } from "../tenancy/index.ts";
import { PERIODS_MS } from "./crons.ts";
import { jobRuns } from "./job-runs.tables.ts";
import { ABANDONED, commitLog, type EarlierRun, ofThisCell, UNHEARD } from "./run-log.ts";

const MINUTE_MS = 60_000;
/** How long a scheduled handler may live on the platform, in ms. */
const HANDLER_MS = 15 * MINUTE_MS;
/** How long the tenants of a run may take to be heard of, in ms: a queue may be long. */
const HEARD_MS = 120 * MINUTE_MS;
/** How late a cron may be before its work is started without it, in ms. */
const GRACE_MS = 5 * MINUTE_MS;
/** Runs for one firing: the first, and so many more where it is broken off ... */
const MOST_ATTEMPTS = 5;
/** ... after a pause that doubles from this one, in ms. */
const PAUSE_MS = MINUTE_MS;

interface Timed {
  readonly name: string;
  readonly cron: string;
}

/** A schedule that should have run, and its latest run. */
export interface Omission<S extends Timed> {
  readonly schedule: S;
  readonly earlier: EarlierRun & { readonly resume: boolean };
}

/**
 * Closes runs whose handler never ended them, and those that not all tenants were heard of. Late ones
 * are counted all the same.
 */
export async function closeLost(ctx: PlatformCtx): Promise<void> {
  const now = Date.now();
  const abandoned = sql`tenants IS NULL AND id < ${before(now - HANDLER_MS)}`;
  const unheard = sql`tenants IS NOT NULL AND id < ${before(now - HEARD_MS)}`;
  const lost = await ctx.db.read(
    (reader) =>
      reader
        .select({ id: jobRuns.id })
        .from(jobRuns)
        .where(sql`status = 'running' AND (${abandoned} OR ${unheard})`)
        .limit(1),
    "primary",
  );
  if (lost.length === 0) return;
  await commitLog(ctx, [close(ABANDONED, abandoned, now), close(UNHEARD, unheard, now)]);
}

function close(error: string, which: SQL, now: number): Step {
  return {
    statement: write
      .update(jobRuns)
      .set({ status: "failed", error, finishedAt: new Date(now) })
      .where(sql`status = 'running' AND ${which}`),
    expect: "any",
    as: `job_runs.${error}`,
  };
}

const before = (time: number) => idFrom("jobRun", new Date(time));

/**
 * Schedules whose latest run was broken off, or lies so far back that the cron has not come. One that
 * never ran waits for its cron.
 */
export async function findOmissions<S extends Timed>(
  ctx: PlatformCtx,
  schedules: readonly S[],
): Promise<Omission<S>[]> {
  const latest = await findLatest(ctx, schedules);
  const now = Date.now();
  return schedules.flatMap((schedule) => {
    const run = latest.get(schedule.name);
    if (!run) return [];
    const period = PERIODS_MS[schedule.cron] ?? Number.POSITIVE_INFINITY;
    const isOverdue = now - run.startedAt > period + GRACE_MS;
    if (!isOverdue && !isDueAgain(run, now)) return [];
    return [{ schedule, earlier: { ...run, resume: !isOverdue } }];
  });
}

/** Whether a run was broken off, and its pause has passed. Tenants that failed have their own retries. */
function isDueAgain({ status, error, attempt, finishedAt }: LatestRun, now: number): boolean {
  if (status !== "failed" || error === null || error === UNHEARD) return false;
  return attempt < MOST_ATTEMPTS && now - (finishedAt ?? 0) >= PAUSE_MS * 2 ** (attempt - 1);
}

/** As the query tells it: times in ms. */
interface LatestRun extends EarlierRun {
  readonly name: string;
  readonly status: string;
  readonly error: string | null;
  readonly startedAt: number;
  readonly finishedAt: number | null;
}

/** This cell's latest run of each schedule, each looked up by the index. */
async function findLatest(
  ctx: PlatformCtx,
  schedules: readonly Timed[],
): Promise<ReadonlyMap<string, LatestRun>> {
  const names = JSON.stringify(schedules.map(({ name }) => name));
  const rows = await ctx.db.read(
    (reader) =>
      reader
        .select({
          id: sql<string>`run.id`,
          name: sql<string>`run.name`,
          status: sql<string>`run.status`,
          error: sql<string | null>`run.error`,
          attempt: sql<number>`run.attempt`,
          resumeAfter: sql<string | null>`run.resume_after`,
          startedAt: sql<number>`run.started_at`,
          finishedAt: sql<number | null>`run.finished_at`,
        })
        .from(
          sql`json_each(${names}) AS wanted CROSS JOIN ${jobRuns} AS run ON run.id =
            (SELECT max(id) FROM ${jobRuns} WHERE name = wanted.value AND ${ofThisCell(ctx)})`,
        ),
    "primary",
  );
  return new Map(rows.map((row) => [row.name, row]));
}
