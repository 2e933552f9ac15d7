import { and, eq, inArray, notInArray, sql } from "drizzle-orm";
import { jobFailures } from "../../platform/jobs/job-runs.tables.ts";
import {
  auditLog,
  auditPrivate,
  type ControlDb,
  type Step,
  type TenantDb,
  tenantDatabases,
  tenants,
  write,
} from "../../platform/tenancy/index.ts";
import { invitations } from "../registration/index.ts";
import type { TenantRow } from "../tenants/index.ts";

/** Of a tenant's rows in the platform's log these hold what operators did, and nobody else. */
const OPERATORS_OWN = ["tenant.state_changed"];
/** Entries of a tenant's log that name what has a circuit breaker, and the first part of its key. */
const BREAKERS = { "service.created": "service", "destination.created": "destination" } as const;
const ACTIONS = Object.keys(BREAKERS) as (keyof typeof BREAKERS)[];

/** Tenants of a cell that are being erased, in any order: one that fails stands before no other. */
export function listPurging(db: ControlDb, cell: string, count: number) {
  return db.read(
    (reader) =>
      reader
        .select({ id: tenants.id, slug: tenants.slug })
        .from(tenants)
        .where(and(eq(tenants.state, "purging"), eq(tenants.cell, cell)))
        .orderBy(sql`random()`)
        .limit(count),
    "primary",
  );
}

/** The tenant, if the cell has it to erase. */
export async function findPurging(
  db: ControlDb,
  cell: string,
  id: string,
): Promise<TenantRow | undefined> {
  const [row] = await db.read(
    (reader) =>
      reader
        .select()
        .from(tenants)
        .where(and(eq(tenants.id, id), eq(tenants.state, "purging"), eq(tenants.cell, cell))),
    "primary",
  );
  return row;
}

/** Keys of all circuit breakers that the tenant ever had, as its log tells. */
export async function findBreakers(db: TenantDb): Promise<string[]> {
  const rows = await db.read(
    (reader) =>
      reader
        .selectDistinct({ action: auditLog.action, target: auditLog.target })
        .from(auditLog)
        .where(inArray(auditLog.action, ACTIONS)),
    "primary",
  );
  return rows.map(({ action, target }) => `${BREAKERS[action as keyof typeof BREAKERS]}:${target}`);
}

export function markPurging(id: string, fromVersion: number, changes: Partial<TenantRow>): Step {
  return {
    statement: write
      .update(tenants)
      .set(changes)
      .where(and(eq(tenants.id, id), eq(tenants.version, fromVersion))),
    expect: 1,
    as: "tenants.update",
  };
}

/** The registry's row keeps id and slug, and where the tenant was; whoever comes second changes nothing. */
export function markPurged({ id, slug }: TenantRow): Step {
  return {
    statement: write
      .update(tenants)
      .set({
        state: "purged",
        name: slug,
        limits: null,
        pendingSeed: null,
        updatedAt: new Date(),
        version: sql`${tenants.version} + 1`,
      })
      .where(and(eq(tenants.id, id), eq(tenants.state, "purging"))),
    expect: "any",
    as: "tenants.purged",
  };
}

/** Its database serves nobody any more. Claims of an earlier release stand in the registry alone. */
export function retireOwn({ id, cell, binding, createdAt }: TenantRow): Step {
  const retired = { state: "retired", retiredAt: new Date() } as const;
  return {
    statement: write
      .insert(tenantDatabases)
      .values({ cell, binding, tenantId: id, claimedAt: createdAt, ...retired })
      .onConflictDoUpdate({
        target: [tenantDatabases.cell, tenantDatabases.binding],
        set: retired,
        setWhere: eq(tenantDatabases.tenantId, id),
      }),
    expect: "any",
    as: "tenant_databases.retire",
  };
}

/** What the control database knows of people at the tenant. The log's rows stay: they name nobody. */
export function forgetPeople({ id }: TenantRow): Step[] {
  const itsRows = sql`(SELECT id FROM ${auditLog}
    WHERE ${and(eq(auditLog.target, id), notInArray(auditLog.action, OPERATORS_OWN))})`;
  return [
    {
      statement: write.delete(auditPrivate).where(inArray(auditPrivate.auditId, itsRows)),
      expect: "any",
      as: "audit_private.forget",
    },
    {
      statement: write.delete(jobFailures).where(eq(jobFailures.tenantId, id)),
      expect: "any",
      as: "job_failures.forget",
    },
    {
      statement: write
        .update(invitations)
        .set({ tenantId: null })
        .where(eq(invitations.tenantId, id)),
      expect: "any",
      as: "invitations.forget",
    },
  ];
}
