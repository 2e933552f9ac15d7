import { and, desc, eq, gte, lt } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import { auditLog, auditPrivate, auditSums, type RealmDb } from "../../platform/tenancy/index.ts";

export interface AuditFilters {
  readonly action?: string | undefined;
  readonly principal?: string | undefined;
  readonly target?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Entries, newest first. */
export function listEntries(
  db: RealmDb,
  filters: AuditFilters,
  after: Keyset | null,
  count: number,
) {
  const { action, principal, target, from, to } = filters;
  return db.read((reader) =>
    reader
      .select({ entry: auditLog, data: auditPrivate.data, sum: auditSums.count })
      .from(auditLog)
      .leftJoin(auditPrivate, eq(auditPrivate.auditId, auditLog.id))
      .leftJoin(auditSums, eq(auditSums.sumKey, auditLog.sumKey))
      .where(
        and(
          action === undefined ? undefined : eq(auditLog.action, action),
          principal === undefined ? undefined : eq(auditLog.principal, principal),
          target === undefined ? undefined : eq(auditLog.target, target),
          from === undefined ? undefined : gte(auditLog.occurredAt, new Date(from)),
          to === undefined ? undefined : lt(auditLog.occurredAt, new Date(to)),
          after ? lt(auditLog.seq, Number(after[0])) : undefined,
        ),
      )
      .orderBy(desc(auditLog.seq))
      .limit(count),
  );
}

export type AuditRow = Awaited<ReturnType<typeof listEntries>>[number];
