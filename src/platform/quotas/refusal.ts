import type { Ctx } from "../context.ts";
import { quotasInForce } from "../limits/plans.ts";
import { Failure } from "../problems.ts";
import { type AuditEntry, commitAside } from "../tenancy/index.ts";
import { firstOf, QUOTAS, type QuotaName, type Quotas } from "./quotas.ts";

const NONE: Quotas = firstOf(Object.fromEntries(QUOTAS.map((name) => [name, null])));

/** What bounds the caller's realm. Jobs and webhooks have no plan with them: they are never refused. */
export function quotasFor({ settings, realm, plan }: Ctx): Quotas {
  return plan && realm.slug !== null ? quotasInForce(settings.PLANS, plan) : NONE;
}

/** How the audit log tells of what a quota has refused; a row a minute and caller. */
export function refusalOf(name: QuotaName, times = 1): AuditEntry {
  return { action: "quota.refused", target: name, summed: true, times };
}

/** The refusal, audited, with its figures. */
export async function overQuota(
  ctx: Ctx,
  name: QuotaName,
  { quota, used }: { readonly quota: number; readonly used: number },
): Promise<Failure> {
  await commitAside(ctx, [], [refusalOf(name)]);
  return new Failure("over-quota", `The plan's quota is used up (${name}: ${used} of ${quota}).`, {
    extensions: { "violated-policies": [name], quota, used },
  });
}

/** Whether a guard of a quota stopped the commit. */
export function isOverQuota(error: unknown): boolean {
  return error instanceof Failure && error.code === "over-quota";
}
