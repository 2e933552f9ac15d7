import type { LimitOverrides, PlanLimit } from "../../platform/limits/plans.ts";
import type { QuotaOverrides } from "../../platform/quotas/quotas.ts";

/** Rate limits that differ from the plan's. */
export type OwnLimits = Pick<LimitOverrides, PlanLimit>;

/** The rate limits of what the registry holds; null: none differs. */
export function limitsOf(overrides: LimitOverrides | null): OwnLimits | null {
  const { quotas: _, ...limits } = overrides ?? {};
  return orNull(limits);
}

/** Its quotas; null: none differs. */
export function quotasOf(overrides: LimitOverrides | null): QuotaOverrides | null {
  return orNull(overrides?.quotas ?? {});
}

/** What the registry is to hold. What is undefined stays as it is; null drops what was set. */
export function changeOverrides(
  before: LimitOverrides | null,
  limits: OwnLimits | null | undefined,
  quotas: QuotaOverrides | null | undefined,
): LimitOverrides | null {
  const own = quotas === undefined ? quotasOf(before) : orNull(quotas ?? {});
  return orNull({
    ...(limits === undefined ? limitsOf(before) : limits),
    ...(own ? { quotas: own } : {}),
  });
}

function orNull<T extends object>(settings: T): T | null {
  return Object.keys(settings).length > 0 ? settings : null;
}
