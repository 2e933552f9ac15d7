import { z } from "zod";
import type { Logger } from "../observe/logger.ts";
import { firstOf, type QuotaOverrides, QuotaSettings, type Quotas } from "../quotas/quotas.ts";

/** So many requests in any window of so many seconds. */
export const PolicySettings = z.strictObject({
  limit: z.int().min(1).max(10_000_000),
  window_seconds: z.int().min(1).max(86_400),
});
export type PolicySettings = z.infer<typeof PolicySettings>;

/** What a plan limits: all calls of a tenant, those of one user, and webhooks that come in. */
export const PLAN_LIMITS = ["tenant", "user", "webhooks"] as const;
export type PlanLimit = (typeof PLAN_LIMITS)[number];
type PlanLimits = Readonly<Record<PlanLimit, PolicySettings>>;

/** Limits and quotas of one tenant that differ from its plan's. */
export type LimitOverrides = { readonly [name in PlanLimit]?: PolicySettings | undefined } & {
  readonly quotas?: QuotaOverrides | undefined;
};

/** The registry's word on what a realm may use. */
export interface RealmPlan {
  readonly plan: string;
  readonly limits: LimitOverrides | null;
}

/** The plan that everybody starts with. */
export const DEFAULT_PLAN = "standard";

/** All plans by name. */
export const Plans = z
  .record(
    z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/),
    z.strictObject({
      tenant: PolicySettings,
      user: PolicySettings,
      webhooks: PolicySettings,
      quotas: QuotaSettings.optional(),
    } satisfies Record<PlanLimit | "quotas", z.ZodType>),
  )
  .refine((plans) => Object.hasOwn(plans, DEFAULT_PLAN), `must have a plan "${DEFAULT_PLAN}"`);
export type Plans = Readonly<Record<string, Plan>>;
type Plan = PlanLimits & { readonly quotas?: QuotaOverrides | undefined };

/** Plans where the settings name none. */
export const USUAL_PLANS: Plans = {
  standard: {
    tenant: { limit: 600, window_seconds: 60 },
    user: { limit: 300, window_seconds: 60 },
    webhooks: { limit: 3_000, window_seconds: 60 },
    quotas: {
      users: 100,
      services: 25,
      events_per_month: 1_000_000,
      storage_bytes: 2_000_000_000,
    },
  },
  business: {
    tenant: { limit: 6_000, window_seconds: 60 },
    user: { limit: 3_000, window_seconds: 60 },
    webhooks: { limit: 30_000, window_seconds: 60 },
    quotas: {
      users: 2_000,
      services: 250,
      events_per_month: 20_000_000,
      storage_bytes: 8_000_000_000,
    },
  },
};

export function isPlan(plans: Plans, name: string): boolean {
  return Object.hasOwn(plans, name);
}

/** Says that a realm is on a plan that the settings do not name any more. */
export function warnOfUnknownPlan(
  { settings, log }: { readonly settings: { readonly PLANS: Plans }; readonly log: Logger },
  { plan }: RealmPlan,
): void {
  if (!isPlan(settings.PLANS, plan)) log.warn("plan is not known", { plan, used: DEFAULT_PLAN });
}

/** The limits of a realm: its own, else its plan's. */
export function limitsInForce(plans: Plans, { plan, limits }: RealmPlan): PlanLimits {
  const ofPlan = planOf(plans, plan);
  return {
    tenant: limits?.tenant ?? ofPlan.tenant,
    user: limits?.user ?? ofPlan.user,
    webhooks: limits?.webhooks ?? ofPlan.webhooks,
  };
}

/** The quotas of a realm: its own, else its plan's, else the usual ones. */
export function quotasInForce(plans: Plans, { plan, limits }: RealmPlan): Quotas {
  return firstOf(limits?.quotas, planOf(plans, plan).quotas);
}

/** A plan that is no longer there is the usual one. */
function planOf(plans: Plans, name: string): Plan {
  const plan = plans[isPlan(plans, name) ? name : DEFAULT_PLAN];
  if (!plan) throw new Error(`The settings name no plan ${DEFAULT_PLAN}.`);
  return plan;
}
