import { z } from "zod";

/** So many requests in any window of so many seconds. */
export const PolicySettings = z.strictObject({
  limit: z.int().min(1).max(10_000_000),
  window_seconds: z.int().min(1).max(86_400),
});
export type PolicySettings = z.infer<typeof PolicySettings>;

/** What a plan limits: all calls of a tenant, those of one user, and webhooks that come in. */
export const PLAN_LIMITS = ["tenant", "user", "webhooks"] as const;
export type PlanLimit = (typeof PLAN_LIMITS)[number];

/** Limits of one tenant that differ from its plan's. */
export type LimitOverrides = Partial<Record<PlanLimit, PolicySettings>>;
