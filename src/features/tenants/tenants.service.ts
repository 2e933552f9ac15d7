import type { PlatformCtx, SignedIn } from "../../platform/context.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { isPlan } from "../../platform/limits/plans.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { Failure } from "../../platform/problems.ts";
import type { QuotaOverrides } from "../../platform/quotas/quotas.ts";
import { recheckStreams } from "../../platform/stream/stream-client.ts";
import {
  commit,
  type OnHeard,
  requireCell,
  syncPending,
  syncTenant,
  type TenantState,
} from "../../platform/tenancy/index.ts";
import { DELIVER } from "../destinations/index.ts";
import { ringDrain } from "../webhooks/index.ts";
import { changeOverrides, type OwnLimits } from "./overrides.ts";
import { findTenant, listTenants, type TenantRow, updateTenant } from "./tenants.repository.ts";

/** From where an operator may move a tenant to where. */
const MOVES = {
  suspended: ["active", "suspended"],
  active: ["active", "suspended", "deactivated"],
  deactivated: ["active", "suspended", "deactivated"],
} as const satisfies Partial<Record<TenantState, readonly TenantState[]>>;

/** A state that an operator may ask for. */
export type WantedState = keyof typeof MOVES;

export function list(
  ctx: SignedIn<PlatformCtx>,
  query: {
    readonly limit: number;
    readonly cursor?: string | undefined;
    readonly state?: TenantState | undefined;
    readonly slug?: string | undefined;
  },
): Promise<Page<TenantRow>> {
  const filters = { state: query.state, slug: query.slug };
  return paginate(
    ctx,
    { list: "tenants", filters, limit: query.limit, cursor: query.cursor },
    (after, count) => listTenants(ctx.db, filters, after, count),
    (row) => [row.id],
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: PlatformCtx, id: string, from?: "primary"): Promise<TenantRow> {
  const tenant = await findTenant(ctx.db, id, from);
  if (!tenant) throw new Failure("not-found");
  return tenant;
}

/**
 * Changes what the registry says of a tenant. Plan, limits and quotas count within 5 seconds of being
 * told to its own database; if that one does not answer, a job goes on trying.
 * @throws Failure `not-found`, `misdirected`, `tenant-state` for one that is erased, `precondition-failed`,
 * `conflict`, `validation-failed` for a plan that is none
 */
export async function update(
  ctx: SignedIn<PlatformCtx>,
  id: string,
  changes: {
    readonly name?: string | undefined;
    readonly plan?: string | undefined;
    readonly limits?: OwnLimits | null | undefined;
    readonly quotas?: QuotaOverrides | null | undefined;
  },
  ifMatch: IfMatch,
): Promise<TenantRow> {
  if (changes.plan !== undefined) requirePlan(ctx, changes.plan);
  const before = await get(ctx, id, "primary");
  requireVersion(ifMatch, before.version);
  requireThere(before);
  const { plan, limits, quotas } = changes;
  const isNews = [plan, limits, quotas].some((change) => change !== undefined);
  if (isNews) requireCell(ctx, before.cell);
  const next = {
    name: changes.name ?? before.name,
    plan: changes.plan ?? before.plan,
    limits: changeOverrides(before.limits, changes.limits, changes.quotas),
    updatedAt: new Date(),
    version: before.version + 1,
  };
  const result = await commit(
    ctx,
    [
      updateTenant(
        id,
        before.version,
        { ...next, ...(isNews ? { unsyncedSince: new Date() } : {}) },
        lostRace(ifMatch),
      ),
    ],
    [
      {
        action: "tenant.updated",
        target: id,
        details: {
          old: { name: before.name, plan: before.plan, limits: before.limits },
          new: { name: next.name, plan: next.plan, limits: next.limits },
        },
      },
    ],
    { ...before, ...next },
  );
  if (isNews) await tell(ctx, id);
  return result;
}

/** Of whoever is erased, nothing new is written down. */
function requireThere({ state }: TenantRow): void {
  if (state !== "purging" && state !== "purged") return;
  throw new Failure("tenant-state", "The tenant's data is erased for good.");
}

function requirePlan({ settings }: PlatformCtx, plan: string): void {
  if (isPlan(settings.PLANS, plan)) return;
  const message = `must be one of: ${Object.keys(settings.PLANS).join(", ")}`;
  throw new Failure("validation-failed", "Some values are not valid.", {
    errors: [{ pointer: "/plan", message }],
  });
}

/**
 * Moves a tenant to a state: first in the registry, then in its own database, where it counts
 * within 5 seconds. If that one does not answer, a job goes on trying.
 * @throws Failure `not-found`, `misdirected`, `tenant-state`, `precondition-failed`, `conflict`
 */
export async function move(
  ctx: PlatformCtx,
  id: string,
  state: WantedState,
  ifMatch: IfMatch = null,
): Promise<TenantRow> {
  const before = await get(ctx, id, "primary");
  requireCell(ctx, before.cell);
  requireVersion(ifMatch, before.version);
  if (!(MOVES[state] as readonly TenantState[]).includes(before.state)) {
    throw new Failure("tenant-state", `The tenant is ${before.state}.`);
  }
  const now = new Date();
  const changes = {
    state,
    unsyncedSince: now,
    deactivatedAt: state === "deactivated" ? (before.deactivatedAt ?? now) : null,
    updatedAt: now,
    version: before.version + 1,
  };
  const result = await commit(
    ctx,
    [updateTenant(id, before.version, changes, lostRace(ifMatch))],
    [{ action: "tenant.state_changed", target: id, details: { from: before.state, to: state } }],
    { ...before, ...changes },
  );
  await tell(ctx, id);
  return result;
}

/** Tells the tenant's own database what the registry says; if it does not answer, the job will. */
export async function tell(ctx: PlatformCtx, id: string): Promise<void> {
  try {
    await syncTenant(ctx, id, tellHouse(ctx));
  } catch (error) {
    ctx.log.error("tenant state not synced yet", { tenant: id, ...errorFields(error) });
  }
}

/** Tells the tenants whose databases have not heard their states yet. */
export function syncStates(ctx: PlatformCtx): Promise<void> {
  return syncPending(ctx, tellHouse(ctx));
}

/**
 * What came to a suspended tenant, and what was to leave it, was held until it is active. Nobody
 * watches it while it is not.
 */
function tellHouse(ctx: PlatformCtx): OnHeard {
  return async (house, status) => {
    if (status !== "active") return recheckStreams(ctx, house);
    await ringDrain(ctx, { house });
    await ringJob(ctx, DELIVER, { house });
  };
}
