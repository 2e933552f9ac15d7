import type { z } from "zod";
import type { Ctx } from "../../platform/context.ts";
import { limitsInForce, quotasInForce } from "../../platform/limits/plans.ts";
import { type TenantState, tenantOrigin } from "../../platform/tenancy/index.ts";
import type { TenantSummary } from "../registration/index.ts";
import { purgeAfter } from "./grace.ts";
import { limitsOf, quotasOf } from "./overrides.ts";
import { settingsOf } from "./tenant-settings.ts";
import type { RealmRow, TenantRow } from "./tenants.repository.ts";
import type { CurrentTenant, Tenant } from "./tenants.schemas.ts";

type Status = z.input<typeof TenantSummary>["status"];

export function presentTenant(row: TenantRow, ctx: Ctx): z.input<typeof Tenant> {
  return {
    id: row.id,
    slug: row.slug,
    name: row.name,
    url: tenantOrigin(row.slug, ctx.settings.BASE_URL),
    status: statusOf(row.state),
    state: row.state,
    plan: row.plan,
    limits: limitsOf(row.limits),
    quotas: quotasOf(row.limits),
    quotas_in_force: quotasInForce(ctx.settings.PLANS, row),
    cell: row.cell,
    region: row.region,
    database: row.binding,
    schema_version: row.schemaVersion,
    unsynced_since: row.unsyncedSince?.toISOString() ?? null,
    purge_after: purgeAfter(row, ctx.settings)?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

export function presentCurrent(row: RealmRow, ctx: Ctx): z.input<typeof CurrentTenant> {
  return {
    id: row.id,
    slug: ctx.realm.slug ?? "",
    url: ctx.realm.origin,
    // While it moves nobody is let in to read this.
    status: row.status === "moving" ? "provisioning" : row.status,
    plan: row.plan,
    limits: limitsInForce(ctx.settings.PLANS, row),
    ...settingsOf(row),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}

/** What a state is to everybody but operators. */
function statusOf(state: TenantState): Status {
  switch (state) {
    case "claimed":
    case "migrating":
    case "seeding":
    case "importing":
      return "provisioning";
    case "purging":
    case "purged":
      return "deactivated";
    default:
      return state;
  }
}
