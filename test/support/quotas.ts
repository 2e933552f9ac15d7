/** Plans with quotas, and who they refuse. */
import { expect } from "vitest";
import type { QuotaName, QuotaOverrides } from "../../src/platform/quotas/quotas.ts";
import { type Caller, call, PLATFORM_ORIGIN, problemOf, type Reply } from "./client.ts";
import { perMinute } from "./limits.ts";
import { type OtherWorker, openWorker } from "./worker.ts";

/** The Worker where every tenant is on a plan with these quotas, and with no other limit in the way. */
export function workerWith(quotas: QuotaOverrides): OtherWorker {
  const plenty = perMinute(1_000_000);
  const plan = { tenant: plenty, user: plenty, webhooks: plenty, quotas };
  return openWorker({ PLANS: JSON.stringify({ standard: plan }) });
}

/** Has an operator give a tenant quotas of its own. */
export function giveQuotas(
  operator: Caller,
  tenant: { readonly id: string },
  quotas: QuotaOverrides | null,
): Promise<Reply> {
  const { token } = operator;
  return call("PUT", `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}`, { token, body: { quotas } });
}

/** Expects a refusal by this quota, with its figures. */
export function expectOver(reply: Reply, name: QuotaName, quota: number, used: number): void {
  expect([reply.status, problemOf(reply)], reply.text).toEqual([403, "quota-exceeded"]);
  expect(reply.json).toMatchObject({
    title: "An assigned quota is exceeded",
    detail: `The plan's quota is used up (${name}: ${used} of ${quota}).`,
    "violated-policies": [name],
    quota,
    used,
  });
  expect(reply.headers.get("retry-after")).toBeNull();
}
