import type { z } from "zod";
import type { TenantImport } from "./archives.schemas.ts";
import type { ImportRow } from "./imports.repository.ts";

export function presentImport(row: ImportRow): z.input<typeof TenantImport> {
  return {
    id: row.id,
    tenant_id: row.tenantId,
    kind: row.kind,
    state: row.state,
    cell: row.cell,
    schema_version: row.schemaVersion,
    parts: row.parts,
    rows: row.rows,
    rows_verified: row.verification?.rows ?? 0,
    started_by: row.startedBy,
    started_at: row.startedAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    finished_at: row.finishedAt?.toISOString() ?? null,
  };
}
