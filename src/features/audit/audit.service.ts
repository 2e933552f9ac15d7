import type { SignedIn } from "../../platform/context.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { type AuditFilters, type AuditRow, listEntries } from "./audit.repository.ts";

/** Who did what in this realm, newest first. */
export function list(
  ctx: SignedIn,
  query: AuditFilters & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<AuditRow>> {
  const { limit, cursor, ...filters } = query;
  return paginate(
    ctx,
    { list: "audit", filters, limit, cursor },
    (after, count) => listEntries(ctx.db, filters, after, count),
    (row) => [row.entry.seq],
  );
}
