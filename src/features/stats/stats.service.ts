import type { TenantCtx } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import { countSignals, measureSignals, type Period, type Unresolved } from "./stats.repository.ts";

/** How far back uptime is looked at, and metrics where nobody says otherwise. */
const DAYS = 30;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

export interface Stats {
  readonly total: number;
  readonly critical: number;
  readonly warning: number;
  /** In percent, with three decimals. */
  readonly uptime: number;
}

/**
 * Counts of the signals that are kept, and the share of the last 30 days, or of the tenant's life if
 * that is shorter, in which nobody has reported downtime. Each report counts in full.
 */
export async function stats(ctx: TenantCtx): Promise<Stats> {
  const now = Date.now();
  const counts = await countSignals(ctx.db, new Date(now - DAYS * DAY_MS));
  const { tenantSince, downtimeMinutes, ...numbers } = counts;
  const lived = Math.min(DAYS * DAY_MS, now - tenantSince.getTime());
  return { ...numbers, uptime: uptimeOf(downtimeMinutes * MINUTE_MS, lived) };
}

/** Times in ms. Who reports more downtime than there was time was never up. */
function uptimeOf(downtime: number, lived: number): number {
  if (downtime === 0) return 100;
  const share = lived <= 0 ? 0 : 1 - downtime / lived;
  return Math.round(Math.max(0, share) * 100_000) / 1_000;
}

export interface Metrics {
  readonly from: Date;
  readonly to: Date;
  readonly unresolved: readonly Unresolved[];
  readonly period: Period;
}

/** @throws Failure `validation-failed` for a time that ends before it begins */
export async function metrics(
  ctx: TenantCtx,
  query: { readonly from?: string | undefined; readonly to?: string | undefined },
): Promise<Metrics> {
  const to = query.to === undefined ? new Date() : new Date(query.to);
  const from =
    query.from === undefined ? new Date(to.getTime() - DAYS * DAY_MS) : new Date(query.from);
  if (from >= to) {
    throw new Failure("validation-failed", "Some values are not valid.", {
      errors: [{ pointer: "?from", message: "must be before `to`, which is now if left out" }],
    });
  }
  return { from, to, ...(await measureSignals(ctx.db, from, to)) };
}
