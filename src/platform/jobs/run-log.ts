import { eq, type SQL, sql } from "drizzle-orm";
import type { PlatformCtx } from "../context.ts";
import { newId } from "../ids.ts";
import { commit, type Step, write } from "../tenancy/index.ts";
import { faultKind } from "./fault-kind.ts";
import { jobRuns, MARKS } from "./job-runs.tables.ts";

/** A run, as the schedule sees it. */
export interface Run {
  readonly id: string;
  /** Id of the tenant after which it begins; empty where it begins with the first. */
  readonly after: string;
  /** Tenants that were called so far, and the last of them. Null where a schedule calls none. */
  reached: { readonly tenants: number; readonly last: string } | null;
}

/** A run that another goes on with, or is started because of. */
export type EarlierRun = Pick<typeof jobRuns.$inferSelect, "id" | "attempt" | "resumeAfter">;

/** What is said of runs that nobody ended, and of those that not all tenants were heard of. */
export const ABANDONED = "abandoned";
export const UNHEARD = "unheard";

/** All writes to the log of a minute share one row of the audit log, which nobody can shorten. */
const LOGGED = { action: "job_run.logged", summed: true } as const;

/** The commits of the log, under its own name. */
export function commitLog(ctx: PlatformCtx, steps: readonly Step[]): Promise<void> {
  return commit({ ...ctx, principal: { kind: "job", name: "jobs.log" } }, steps, [LOGGED]);
}

/**
 * Begins a run and its row.
 * @param earlier the latest run of the schedule, where this one makes up for it: it goes on where that
 * one was broken off
 * @throws Failure `conflict` when somebody else has begun one since then
 */
export async function beginRun(
  ctx: PlatformCtx,
  name: string,
  earlier?: EarlierRun & { readonly resume: boolean },
): Promise<Run> {
  const id = newId("jobRun");
  const resumed = earlier?.resume ? earlier : undefined;
  const row = {
    id,
    name,
    status: "running",
    startedAt: new Date(),
    done: 0,
    failed: 0,
    attempt: resumed ? resumed.attempt + 1 : 1,
    resumes: resumed?.id ?? null,
    cell: ctx.settings.CELL,
  } as const;
  const begin: Step = {
    statement: write.insert(jobRuns).values(row),
    expect: 1,
    as: "job_runs.begin",
  };
  await commitLog(ctx, earlier ? [isLatest(ctx, name, earlier.id), begin] : [begin]);
  return { id, after: resumed?.resumeAfter ?? "", reached: null };
}

/** Whether a run is one of this cell's. Each has its own crons; all share the log. */
export function ofThisCell({ settings }: PlatformCtx): SQL {
  return sql`coalesce(cell, ${settings.CELL}) = ${settings.CELL}`;
}

function isLatest(ctx: PlatformCtx, name: string, id: string): Step {
  const later = sql`name = ${name} AND id > ${id} AND ${ofThisCell(ctx)}`;
  return {
    require: sql`NOT EXISTS (SELECT 1 FROM ${jobRuns} WHERE ${later})`,
    as: "job_runs.latest",
    otherwise: "conflict",
  };
}

/** The schedule has done its part; the run is over when all that it called were heard of. */
export async function endRun(ctx: PlatformCtx, { id, reached }: Run): Promise<void> {
  const tenants = reached?.tenants ?? null;
  await commitLog(ctx, [
    {
      statement: write
        .update(jobRuns)
        .set({ tenants, ...standing(sql`${tenants ?? 0}`, new Date()) })
        .where(eq(jobRuns.id, id)),
      expect: 1,
      as: "job_runs.end",
    },
  ]);
}

/** The schedule has failed, after it had called so many. Those are counted further. */
export async function breakRun(
  ctx: PlatformCtx,
  { id, reached }: Run,
  error: unknown,
): Promise<void> {
  await commitLog(ctx, [
    {
      statement: write
        .update(jobRuns)
        .set({
          status: "failed",
          error: faultKind(error),
          tenants: reached?.tenants ?? null,
          // Bells of the page that failed may be under way all the same: they are the next run's.
          done: counted(MARKS.done, sql`${reached?.tenants ?? 0}`),
          failed: counted(MARKS.failed, sql`${reached?.tenants ?? 0}`),
          resumeAfter: reached?.last || null,
          finishedAt: new Date(),
        })
        .where(eq(jobRuns.id, id)),
      expect: 1,
      as: "job_runs.break",
    },
  ]);
}

/** How many of the first `tenants` places bear this mark. */
const counted = (mark: string, tenants: SQL) => {
  const known = sql`substr(marks, 1, coalesce(${tenants}, length(marks)))`;
  return sql`(length(${known}) - length(replace(${known}, ${mark}, '')))`;
};

/** Figures, status and end of a run, as its marks say. One that broke off stays failed. */
export function standing(tenants: SQL, now: Date) {
  const done = counted(MARKS.done, tenants);
  const failed = counted(MARKS.failed, tenants);
  const isBroken = sql`(error IS NOT NULL AND error <> ${UNHEARD})`;
  const isUnheard = sql`(${tenants} IS NULL OR ${done} + ${failed} < ${tenants})`;
  return {
    done,
    failed,
    status: sql<"running">`CASE WHEN ${isBroken} THEN 'failed'
      WHEN ${isUnheard} THEN CASE WHEN error IS NULL THEN 'running' ELSE 'failed' END
      WHEN ${failed} > 0 THEN 'failed' ELSE 'done' END`,
    error: sql`CASE WHEN ${isBroken} OR ${isUnheard} THEN error END`,
    finishedAt: sql`CASE WHEN ${isBroken} THEN finished_at
      WHEN ${isUnheard} THEN CASE WHEN error IS NULL THEN NULL ELSE finished_at END
      WHEN finished_at IS NOT NULL AND done = ${done} AND failed = ${failed} THEN finished_at
      ELSE ${now.getTime()} END`,
  };
}
