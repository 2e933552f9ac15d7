import { and, eq, isNotNull, lt, ne, or, sql } from "drizzle-orm";
import type { PlatformCtx, TenantCtx } from "../context.ts";
import type { House } from "../jobs/doorbell.ts";
import type { LimitOverrides } from "../limits/plans.ts";
import { errorFields } from "../observe/logger.ts";
import { tenantDatabases } from "./cells.tables.ts";
import { commit } from "./commit.ts";
import { forgetRoute, type TenantRoute } from "./directory.ts";
import { requireCell } from "./here.ts";
import { type RealmStatus, realm } from "./realm.tables.ts";
import { type TenantState, tenants } from "./registry.tables.ts";
import { migrateIfBehind } from "./schema-version.ts";
import { write } from "./statements.ts";
import { openRoute, platformCtx } from "./tenancy.ts";

/** Tenants told per run of the job. */
const TOLD = 50;

/** What the tenant's own database says for a state of the registry. */
const STATUS: Partial<Record<TenantState, RealmStatus>> = {
  active: "active",
  suspended: "suspended",
  deactivated: "deactivated",
  importing: "moving",
};

/**
 * What is done when a tenant's own database has heard its status. The registry's mark is still
 * there then, so that whatever ends in between is done again.
 */
export type OnHeard = (house: House, status: RealmStatus) => Promise<void>;

/**
 * Tells a tenant's own database the state, the plan and the limits that the registry wants. Until it
 * has heard, the registry's row is marked, and {@link syncPending} tries again. Words may overtake each
 * other: the database keeps the version that it heard last and is deaf to older ones. These are commits
 * of their own: a claim on an answer that the caller's context holds is not theirs.
 */
export async function syncTenant(
  ctx: PlatformCtx,
  tenantId: string,
  onHeard: OnHeard,
): Promise<void> {
  const control = platformCtx(ctx);
  const [tenant] = await control.db.read(
    (reader) => reader.select().from(tenants).where(eq(tenants.id, tenantId)),
    "primary",
  );
  const status = tenant && STATUS[tenant.state];
  if (!tenant || !status) return;
  requireCell(ctx, tenant.cell);
  // What is still being filled for it is no house yet.
  if (status === "moving" && !(await serves(control, tenant))) return;
  // What it is told of may be younger than its schema.
  await migrateIfBehind(ctx, tenant);
  const inside: TenantCtx = { ...(await openRoute(ctx, tenant)), movesHouse: true };
  const unheard = lt(realm.registryVersion, tenant.version);
  const { plan, limits } = tenant;
  const changed = { updatedAt: new Date(), version: sql`${realm.version} + 1` };
  await commit(
    inside,
    [
      {
        statement: write
          .update(realm)
          .set({ status, ...changed })
          .where(and(unheard, ne(realm.status, status))),
        expect: "any",
        as: "realm.status",
      },
      {
        statement: write
          .update(realm)
          .set({ plan, limits, ...changed })
          .where(
            and(unheard, or(ne(realm.plan, plan), sql`${realm.limits} IS NOT ${asText(limits)}`)),
          ),
        expect: "any",
        as: "realm.plan",
      },
      {
        statement: write.update(realm).set({ registryVersion: tenant.version }).where(unheard),
        expect: "any",
        as: "realm.registry_version",
      },
    ],
    [
      { action: `tenant.${STATE_ACTIONS[status]}`, target: tenantId, whenChanged: "realm.status" },
      {
        action: "tenant.plan_changed",
        target: tenantId,
        details: { new: { plan, limits } },
        whenChanged: "realm.plan",
      },
    ],
  );
  forgetRoute(tenant.slug);
  await onHeard(tenant, status);
  await commit(
    control,
    [
      {
        statement: write
          .update(tenants)
          .set({ unsyncedSince: null })
          // The state may have moved on meanwhile; whoever moved it, or the job, clears the mark.
          .where(and(eq(tenants.id, tenantId), eq(tenants.version, tenant.version))),
        expect: "any",
        as: "tenants.synced",
      },
    ],
    [{ action: "tenant.state_synced", target: tenantId, whenChanged: "tenants.synced" }],
  );
}

/** Whether the tenant lives in its database, and not only will. */
async function serves({ db }: PlatformCtx, { cell, binding }: TenantRoute): Promise<boolean> {
  const rows = await db.read(
    (reader) =>
      reader
        .select({ state: tenantDatabases.state })
        .from(tenantDatabases)
        .where(and(eq(tenantDatabases.cell, cell), eq(tenantDatabases.binding, binding))),
    "primary",
  );
  return rows[0]?.state === "serving";
}

/** As the column holds it. */
function asText(limits: LimitOverrides | null): string | null {
  return limits && JSON.stringify(limits);
}

/** Past participles of the states, for audit rows. */
const STATE_ACTIONS: Record<RealmStatus, string> = {
  active: "activated",
  suspended: "suspended",
  deactivated: "deactivated",
  moving: "move_begun",
};

/** Tells all who have not heard yet. */
export async function syncPending(ctx: PlatformCtx, onHeard: OnHeard): Promise<void> {
  const rows = await ctx.db.read(
    (reader) =>
      reader
        .select({ id: tenants.id })
        .from(tenants)
        .where(and(isNotNull(tenants.unsyncedSince), eq(tenants.cell, ctx.settings.CELL)))
        // At random, so that databases that are down do not stand before all others.
        .orderBy(sql`random()`)
        .limit(TOLD),
    "primary",
  );
  for (const { id } of rows) {
    try {
      await syncTenant(ctx, id, onHeard);
    } catch (error) {
      ctx.log.error("tenant state not synced", { tenant: id, ...errorFields(error) });
    }
  }
}
