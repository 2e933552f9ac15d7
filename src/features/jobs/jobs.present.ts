import type { z } from "zod";
import type { RunRow } from "./jobs.repository.ts";
import type { JobRun, JobRunDetails } from "./jobs.schemas.ts";
import type { RunWithFailures } from "./jobs.service.ts";

export function presentRun(row: RunRow): z.input<typeof JobRun> {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    started_at: row.startedAt.toISOString(),
    finished_at: row.finishedAt?.toISOString() ?? null,
    tenants: row.tenants,
    done: row.done,
    failed: row.failed,
    attempt: row.attempt,
    resumes: row.resumes,
    resume_after: row.resumeAfter,
    error: row.error,
    cell: row.cell,
  };
}

export function presentDetails({
  failures,
  ...row
}: RunWithFailures): z.input<typeof JobRunDetails> {
  return {
    ...presentRun(row),
    failures: failures.map(({ tenantId, slug, chores, error, tries, failedAt }) => ({
      tenant_id: tenantId,
      slug,
      chores: [...chores],
      error,
      tries,
      failed_at: failedAt.toISOString(),
    })),
  };
}
