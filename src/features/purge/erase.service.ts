import { eraseBreaker } from "../../platform/breaker/index.ts";
import type { PlatformCtx, TenantCtx } from "../../platform/context.ts";
import { inParallel } from "../../platform/in-parallel.ts";
import { eraseAccounts } from "../../platform/limits/accounts.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { recheckStreams } from "../../platform/stream/stream-client.ts";
import { commit, enterPurging, eraseDatabase, holdsTables } from "../../platform/tenancy/index.ts";
import type { TenantRow } from "../tenants/index.ts";
import {
  findBreakers,
  findPurging,
  forgetPeople,
  markPurged,
  retireOwn,
} from "./purge.repository.ts";

/** Tenants that are worked at in one run, and how long at each, in ms: the next minute goes on. */
const TENANTS = 4;
const TENANT_MS = 10_000;
/** Objects asked at a time. */
const AT_ONCE = 6;

/**
 * Erases tenants that operators have asked to purge, a part of each. One that fails holds up no other,
 * and is tried again every minute.
 */
export async function purgeTenants(ctx: PlatformCtx): Promise<void> {
  for (const tenant of await findPurging(ctx.db, ctx.settings.CELL, TENANTS)) {
    try {
      const done = await eraseTenant(ctx, tenant, Date.now() + TENANT_MS);
      ctx.log.info(done ? "tenant purged" : "tenant being purged", { tenant: tenant.id });
    } catch (error) {
      ctx.log.error("tenant not purged", { tenant: tenant.id, ...errorFields(error) });
    }
  }
}

/**
 * Erases a part of a tenant: objects first, since its log names them, then the database. Every step
 * may be repeated, so it can be broken off anywhere.
 * @param until when it stops, in ms since 1970
 * @returns whether all of it is gone
 */
async function eraseTenant(ctx: PlatformCtx, tenant: TenantRow, until: number): Promise<boolean> {
  const house = await enterPurging(ctx, tenant);
  if (await holdsTables(house)) {
    await eraseObjects(house);
    if (!(await eraseDatabase(house, until))) return false;
  }
  await commit(
    ctx,
    [markPurged(tenant), retireOwn(tenant), ...forgetPeople(tenant)],
    [
      {
        action: "tenant.state_changed",
        target: tenant.id,
        details: { from: "purging", to: "purged" },
        whenChanged: "tenants.purged",
      },
    ],
  );
  return true;
}

/** A stream that is told to look again finds nobody who may watch, and leaves nothing behind. */
async function eraseObjects(house: TenantCtx): Promise<void> {
  await recheckStreams(house);
  await eraseAccounts(house);
  const breakers = await findBreakers(house.db);
  await inParallel(breakers, AT_ONCE, (key) => eraseBreaker(house, key));
}
