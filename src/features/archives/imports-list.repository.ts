import { and, desc, eq, lt } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import type { ControlDb } from "../../platform/tenancy/index.ts";
import { tenantImports } from "./archives.tables.ts";
import type { ImportRow } from "./imports.repository.ts";

/** All imports that a tenant ever had, newest first. */
export function listImports(
  db: ControlDb,
  tenantId: string,
  after: Keyset | null,
  count: number,
): Promise<ImportRow[]> {
  return db.read(
    (reader) =>
      reader
        .select()
        .from(tenantImports)
        .where(
          and(
            eq(tenantImports.tenantId, tenantId),
            after ? lt(tenantImports.id, String(after[0])) : undefined,
          ),
        )
        .orderBy(desc(tenantImports.id))
        .limit(count),
    "primary",
  );
}
