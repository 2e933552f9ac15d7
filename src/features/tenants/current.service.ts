import { forgetUser } from "../../platform/access/authenticate.ts";
import type { SignedIn, TenantCtx } from "../../platform/context.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { commit, platformCtx } from "../../platform/tenancy/index.ts";
import { type RealmRow, readRealm, updateRealm } from "./tenants.repository.ts";
import { move } from "./tenants.service.ts";

/** The tenant of the door. */
export function getCurrent(ctx: TenantCtx): Promise<RealmRow> {
  return readRealm(ctx.db);
}

/** @throws Failure `precondition-failed`, `conflict` */
export async function updateCurrent(
  ctx: SignedIn<TenantCtx>,
  changes: { readonly name: string },
  ifMatch: IfMatch,
): Promise<RealmRow> {
  const before = await readRealm(ctx.db, "primary");
  requireVersion(ifMatch, before.version);
  const next = { name: changes.name, updatedAt: new Date(), version: before.version + 1 };
  return commit(
    ctx,
    [updateRealm(before.version, next, lostRace(ifMatch))],
    [
      {
        action: "tenant.updated",
        target: ctx.realm.id,
        details: { old: { name: before.name }, new: { name: next.name } },
      },
    ],
    { ...before, ...next },
  );
}

/**
 * Closes the tenant's door. Its data is kept until the grace period is over. The state is the
 * registry's, in another database than the version that the tenant sees: no commit could hold the
 * one to the other, so there is no `If-Match` here.
 * @throws Failure `tenant-state`, `conflict`
 */
export async function leave(ctx: SignedIn<TenantCtx>): Promise<void> {
  await move(platformCtx(ctx), ctx.realm.id, "deactivated");
  forgetUser(ctx.realm.id, ctx.principal.id);
}
