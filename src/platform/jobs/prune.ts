import { sql } from "drizzle-orm";
import type { PlatformCtx } from "../context.ts";
import { idFrom } from "../ids.ts";
import { type Step, write } from "../tenancy/index.ts";
import { jobFailures, jobRuns, type RunStatus } from "./job-runs.tables.ts";
import { commitLog } from "./run-log.ts";

const DAY_MS = 86_400_000;
/** How long runs are kept, in days. */
const KEPT_DAYS = { done: 7, failed: 30 };
/** What one commit drops, in rows; an hour makes some 250 of them. */
const CHUNK = 500;
/** Commits of a run: what an outage of some days has left is gone after a few hours. */
const MOST_CHUNKS = 10;

/** Drops the rows of runs that are long over, with their failures. */
export async function pruneRuns(ctx: PlatformCtx): Promise<void> {
  for (const status of ["done", "failed"] as const) {
    const before = idFrom("jobRun", new Date(Date.now() - KEPT_DAYS[status] * DAY_MS));
    for (let chunk = 0; chunk < MOST_CHUNKS; chunk++) {
      const ids = await findOld(ctx, status, before);
      if (ids.length > 0) await commitLog(ctx, forget(ids));
      if (ids.length < CHUNK) break;
    }
  }
}

async function findOld(ctx: PlatformCtx, status: RunStatus, before: string): Promise<string[]> {
  const rows = await ctx.db.read(
    (reader) =>
      reader
        .select({ id: jobRuns.id })
        .from(jobRuns)
        .where(sql`${jobRuns.status} = ${status} AND ${jobRuns.id} < ${before}`)
        .limit(CHUNK),
    "primary",
  );
  return rows.map(({ id }) => id);
}

function forget(ids: readonly string[]): Step[] {
  const old = sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`;
  return [
    {
      statement: write.delete(jobFailures).where(sql`${jobFailures.runId} IN ${old}`),
      expect: "any",
      as: "job_failures.prune",
    },
    {
      // One that a late tenant has settled since stays for another hour.
      statement: write.delete(jobRuns).where(sql`${jobRuns.id} IN ${old} AND status <> 'running'
        AND NOT EXISTS (SELECT 1 FROM ${jobFailures} WHERE run_id = ${jobRuns.id})`),
      expect: "any",
      as: "job_runs.prune",
    },
  ];
}
