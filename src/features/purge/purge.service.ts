import type { PlatformCtx, SignedIn } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { getTenant, purgeAfter, type TenantRow } from "../tenants/index.ts";
import { markPurging } from "./purge.repository.ts";

/**
 * Begins to erase a tenant. Its cell does the rest; there is no way back.
 * @param slug spelled by whoever asks, so that no other tenant is meant
 * @throws Failure `not-found`, `validation-failed` for another tenant's slug, `tenant-state` unless
 * it is deactivated and its grace is over, `conflict`
 */
export async function beginPurge(
  ctx: SignedIn<PlatformCtx>,
  id: string,
  slug: string,
): Promise<TenantRow> {
  const before = await getTenant(ctx, id, "primary");
  if (slug !== before.slug) {
    throw new Failure("validation-failed", "Some values are not valid.", {
      errors: [{ pointer: "/slug", message: "is not this tenant's slug" }],
    });
  }
  if (before.state === "purging" || before.state === "purged") return before;
  requireGraceOver(ctx, before);
  const next = {
    state: "purging" as const,
    unsyncedSince: null,
    updatedAt: new Date(),
    version: before.version + 1,
  };
  return commit(
    ctx,
    [markPurging(id, before.version, next)],
    [
      {
        action: "tenant.state_changed",
        target: id,
        details: { from: before.state, to: next.state },
      },
    ],
    { ...before, ...next },
  );
}

/** @throws Failure `tenant-state`, with the time from which it may be erased */
function requireGraceOver(ctx: PlatformCtx, tenant: TenantRow): void {
  const after = purgeAfter(tenant, ctx.settings);
  if (!after) {
    throw new Failure("tenant-state", `The tenant is ${tenant.state}, not deactivated.`);
  }
  if (after.getTime() <= Date.now()) return;
  const purge_after = after.toISOString();
  throw new Failure("tenant-state", `The tenant's data is kept until ${purge_after}.`, {
    extensions: { purge_after },
  });
}
