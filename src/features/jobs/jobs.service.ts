import type { z } from "zod";
import type { PlatformCtx } from "../../platform/context.ts";
import { MOST_FAILURES } from "../../platform/jobs/tally.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import {
  type FailureRow,
  findRun,
  listFailures,
  listRuns,
  type RunRow,
} from "./jobs.repository.ts";
import type { JobRunQuery } from "./jobs.schemas.ts";

export type RunWithFailures = RunRow & { readonly failures: readonly FailureRow[] };

export function list(
  ctx: PlatformCtx,
  { limit, cursor, ...filters }: z.output<typeof JobRunQuery>,
): Promise<Page<RunRow>> {
  return paginate(
    ctx,
    { list: "jobs", filters, limit, cursor },
    (after, count) => listRuns(ctx.db, filters, after, count),
    ({ id }) => [id],
  );
}

export async function get(ctx: PlatformCtx, id: string): Promise<RunWithFailures> {
  const run = await findRun(ctx.db, id);
  if (!run) throw new Failure("not-found");
  return { ...run, failures: await listFailures(ctx.db, id, MOST_FAILURES) };
}
