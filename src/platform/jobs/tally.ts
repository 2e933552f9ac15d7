import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { PlatformCtx } from "../context.ts";
import { type Step, write } from "../tenancy/index.ts";
import type { Doorbell } from "./doorbell.ts";
import { ChoresFailed, faultKind } from "./fault-kind.ts";
import { jobFailures, jobRuns, MARKS } from "./job-runs.tables.ts";
import { type PlaceInRun, placeOf } from "./round-bells.ts";
import { commitLog, standing } from "./run-log.ts";

/** Tenants of a run whose failures are kept. A fault of ours fails them all, each minute. */
export const MOST_FAILURES = 100;

/** What became of one bell of a round. */
export interface Visit extends PlaceInRun {
  readonly tenantId: string;
  readonly slug: string;
  /** Null where all chores were done. */
  readonly failure: { readonly chores: readonly string[]; readonly error: string } | null;
}

/** The visit that a bell has led to; null for bells of no round. */
export function visitOf(bell: Doorbell, failed: { readonly error: unknown } | null): Visit | null {
  const place = placeOf(bell);
  if (!place) return null;
  const chores = failed?.error instanceof ChoresFailed ? failed.error.chores : [];
  const failure = failed && { chores, error: faultKind(failed.error) };
  return { ...place, tenantId: bell.tenant_id, slug: bell.slug, failure };
}

/**
 * Counts what became of a batch of bells: one commit for each run. A tenant is marked at its place, so
 * it counts once, however often its bell comes; once it has done all, it stays so.
 */
export async function countVisits(ctx: PlatformCtx, visits: readonly Visit[]): Promise<void> {
  for (const [runId, own] of Map.groupBy(visits, (visit) => visit.runId)) {
    const failed = own.filter(({ failure }) => failure !== null);
    const done = own.filter(({ failure }) => failure === null);
    await commitLog(ctx, [
      mark(runId, own),
      settle(runId),
      ...(failed.length > 0 ? [noteFailures(runId, failed)] : []),
      ...(done.length > 0 ? [forgetFailures(runId, done)] : []),
    ]);
  }
}

function mark(runId: string, visits: readonly Visit[]): Step {
  const { text, length } = marked(visits);
  const { unheard } = MARKS;
  const padded = sql`substr(marks || printf('%.*c', ${length}, ${unheard}), 1,
    max(length(marks), ${length}))`;
  return {
    statement: write
      .update(jobRuns)
      .set({ marks: sql`(SELECT ${text} FROM (SELECT ${padded} AS old))` })
      .where(eq(jobRuns.id, runId)),
    expect: "any",
    as: "job_runs.mark",
  };
}

/** The text of marks, pieced together around those that change; places are ours, not a caller's. */
function marked(visits: readonly Visit[]): { text: SQL; length: number } {
  const outcomes = new Map<number, boolean>();
  for (const { place, failure } of visits) {
    outcomes.set(place, failure === null || outcomes.get(place) === true);
  }
  const parts: SQL[] = [];
  let next = 0;
  for (const [place, isDone] of [...outcomes].sort(([a], [b]) => a - b)) {
    parts.push(sql.raw(`substr(old, ${next + 1}, ${place - next})`));
    const { done, failed } = MARKS;
    parts.push(
      sql.raw(
        isDone
          ? `'${done}'`
          : `CASE substr(old, ${place + 1}, 1) WHEN '${done}' THEN '${done}' ELSE '${failed}' END`,
      ),
    );
    next = place + 1;
  }
  parts.push(sql.raw(`substr(old, ${next + 1})`));
  return { text: sql.join(parts, sql` || `), length: next };
}

function settle(runId: string): Step {
  return {
    statement: write
      .update(jobRuns)
      .set(standing(sql`tenants`, new Date()))
      .where(eq(jobRuns.id, runId)),
    expect: "any",
    as: "job_runs.settle",
  };
}

/** Of those that are marked so: who has done all in another try has not failed. */
function noteFailures(runId: string, visits: readonly Visit[]): Step {
  const rows = visits.map(({ place, tenantId, slug, failure }) => ({
    place,
    tenantId,
    slug,
    ...failure,
  }));
  const value = (path: string) => sql`json_extract(visit.value, ${`$.${path}`})`;
  return {
    statement: write
      .insert(jobFailures)
      .select(
        sql`SELECT run.id, ${value("tenantId")}, ${value("slug")}, ${value("chores")},
          ${value("error")}, 1, ${Date.now()}
        FROM json_each(${JSON.stringify(rows)}) AS visit JOIN ${jobRuns} AS run
        WHERE run.id = ${runId}
          AND substr(run.marks, ${value("place")} + 1, 1) = ${MARKS.failed}
          AND (SELECT count(*) FROM ${jobFailures} WHERE run_id = ${runId}) < ${MOST_FAILURES}`,
      )
      .onConflictDoUpdate({
        target: [jobFailures.runId, jobFailures.tenantId],
        set: {
          chores: sql`excluded.chores`,
          error: sql`excluded.error`,
          tries: sql`tries + 1`,
          failedAt: sql`excluded.failed_at`,
        },
      }),
    expect: "any",
    as: "job_failures.note",
  };
}

function forgetFailures(runId: string, visits: readonly Visit[]): Step {
  const ids = visits.map(({ tenantId }) => tenantId);
  return {
    statement: write
      .delete(jobFailures)
      .where(and(eq(jobFailures.runId, runId), inArray(jobFailures.tenantId, ids))),
    expect: "any",
    as: "job_failures.forget",
  };
}
