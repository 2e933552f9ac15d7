import type { z } from "zod";
import type { Migration, MigrationDetails } from "./migrations.schemas.ts";
import type { RunDetails } from "./migrations.service.ts";
import type { RunRow } from "./runs.repository.ts";

export function presentRun(row: RunRow): z.input<typeof Migration> {
  return {
    id: row.id,
    state: row.state,
    schema_version: row.schemaVersion,
    canary: row.canarySlug,
    concurrency: row.concurrency,
    started_by: row.startedBy,
    started_at: row.startedAt.toISOString(),
    finished_at: row.finishedAt?.toISOString() ?? null,
  };
}

export function presentDetails({
  totals,
  failures,
  ...row
}: RunDetails): z.input<typeof MigrationDetails> {
  return {
    ...presentRun(row),
    totals,
    failures: failures.map(({ tenantId, slug, cell, error, tries, updatedAt }) => ({
      tenant_id: tenantId,
      slug,
      cell,
      error: error ?? "unknown",
      tries,
      failed_at: updatedAt.toISOString(),
    })),
  };
}
