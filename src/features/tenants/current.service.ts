import type { z } from "zod";
import { forgetUser } from "../../platform/access/authenticate.ts";
import type { SignedIn, TenantCtx } from "../../platform/context.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { commit, platformCtx } from "../../platform/tenancy/index.ts";
import { settingsOf } from "./tenant-settings.ts";
import { type RealmRow, readRealm, updateRealm } from "./tenants.repository.ts";
import type { CurrentTenantChanges } from "./tenants.schemas.ts";
import { move } from "./tenants.service.ts";

/** The tenant of the door. */
export function getCurrent(ctx: TenantCtx): Promise<RealmRow> {
  return readRealm(ctx.db);
}

/** @throws Failure `precondition-failed`, `conflict` */
export async function updateCurrent(
  ctx: SignedIn<TenantCtx>,
  changes: z.output<typeof CurrentTenantChanges>,
  ifMatch: IfMatch,
): Promise<RealmRow> {
  const before = await readRealm(ctx.db, "primary");
  requireVersion(ifMatch, before.version);
  const next = {
    name: changes.name ?? before.name,
    slaResponseTimeMs: changes.sla_response_time_ms ?? before.slaResponseTimeMs,
    slaErrorRatePercent: changes.sla_error_rate_percent ?? before.slaErrorRatePercent,
    slaDowntimeMinutes: changes.sla_downtime_minutes ?? before.slaDowntimeMinutes,
    evaluationWindowMinutes: changes.evaluation_window_minutes ?? before.evaluationWindowMinutes,
    updatedAt: new Date(),
    version: before.version + 1,
  };
  const after = { ...before, ...next };
  return commit(
    ctx,
    [updateRealm(before.version, next, lostRace(ifMatch))],
    [{ action: "tenant.updated", target: ctx.realm.id, details: differences(before, after) }],
    after,
  );
}

/** Old and new values of what is not as it was. */
function differences(before: RealmRow, after: RealmRow) {
  const [old, now] = [settingsOf(before), settingsOf(after)];
  const names = Object.keys(old) as (keyof typeof old)[];
  const changed = names.filter((name) => old[name] !== now[name]);
  const pick = (from: typeof old) => Object.fromEntries(changed.map((name) => [name, from[name]]));
  return { old: pick(old), new: pick(now) };
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
