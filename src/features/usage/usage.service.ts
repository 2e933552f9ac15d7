import type { TenantCtx } from "../../platform/context.ts";
import { quotasInForce } from "../../platform/limits/plans.ts";
import { QUOTAS, type QuotaName } from "../../platform/quotas/quotas.ts";
import { sizeOf } from "../../platform/quotas/sizes.ts";
import { eventsIn, forgetMonths, hasMonthsBefore, monthOf } from "../../platform/quotas/usage.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { readHoldings } from "./usage.repository.ts";

/** A quota, null where there is none, and what is used of it. */
interface Standing {
  readonly quota: number | null;
  readonly used: number;
}

/** How a tenant stands with its plan. */
export type UsageReport = Readonly<Record<QuotaName, Standing>> & {
  readonly plan: string;
  /** Such as `2026-11`. */
  readonly month: string;
};

/** Months that are kept: this one, and a whole year before it. */
const KEPT_MONTHS = 13;

/** What the tenant may use, and what it uses. */
export async function report(ctx: TenantCtx): Promise<UsageReport> {
  const now = new Date();
  const [holdings, events] = await Promise.all([readHoldings(ctx.db), eventsIn(ctx.db, now)]);
  const { plan, limits } = holdings;
  const used: Record<QuotaName, number> = {
    users: holdings.users,
    services: holdings.services,
    events_per_month: events,
    storage_bytes: sizeOf(ctx.realm.id) ?? 0,
  };
  const quotas = quotasInForce(ctx.settings.PLANS, { plan, limits });
  const standings = QUOTAS.map((name) => [name, { quota: quotas[name], used: used[name] }]);
  return { plan, month: monthOf(now), ...Object.fromEntries(standings) };
}

/** Forgets the counts of months that are long past. */
export async function forgetOld(ctx: TenantCtx): Promise<void> {
  const first = new Date();
  first.setUTCMonth(first.getUTCMonth() - KEPT_MONTHS + 1, 1);
  const month = monthOf(first);
  if (!(await hasMonthsBefore(ctx.db, month))) return;
  const entry = { action: "usage.forgotten", details: { before: month } };
  await commit(ctx, [forgetMonths(month)], [{ ...entry, whenChanged: "usage.forget" }]);
}
