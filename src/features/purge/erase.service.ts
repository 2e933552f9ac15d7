import { eraseBreaker } from "../../platform/breaker/index.ts";
import type { PlatformCtx, TenantCtx } from "../../platform/context.ts";
import { inParallel } from "../../platform/in-parallel.ts";
import { type Doorbell, doorbell, type JobAddress } from "../../platform/jobs/doorbell.ts";
import { MOST_AT_ONCE } from "../../platform/jobs/queues.ts";
import { eraseAccounts } from "../../platform/limits/accounts.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { recheckStreams } from "../../platform/stream/stream-client.ts";
import { commit, enterPurging, eraseDatabase, holdsTables } from "../../platform/tenancy/index.ts";
import type { TenantRow } from "../tenants/index.ts";
import {
  findBreakers,
  findPurging,
  forgetPeople,
  listPurging,
  markPurged,
  retireOwn,
} from "./purge.repository.ts";

/** What a bell calls for: a part of the tenant. */
export const ERASE: JobAddress = { name: "tenants.erase", queue: "doorbells" };

/** Batches of rows of one part: ten tenants' parts are one run of the queue's consumer. */
const BATCHES = 50;
/** How long bells go on ringing for the next, in ms: then the next minute's schedule has rung anew. */
const CHAIN_MS = 50_000;
/** Objects asked at a time. */
const AT_ONCE = 6;

/** Each minute: one bell for each tenant of this cell that operators have asked to purge. */
export async function ringPurging(ctx: PlatformCtx): Promise<void> {
  const purging = await listPurging(ctx.db, ctx.settings.CELL, MOST_AT_ONCE);
  await ctx.queues.ringAll(purging.map((tenant) => doorbell(ERASE, tenant)));
}

/**
 * Erases a part of the tenant that the bell names, and rings for the next. What fails is left to the next
 * minute: were the bell to come again by itself, those of a broken tenant would become ever more.
 */
export async function erasePart(ctx: PlatformCtx, bell: Doorbell): Promise<void> {
  const tenant = await findPurging(ctx.db, ctx.settings.CELL, bell.tenant_id);
  if (!tenant) return;
  const begun = typeof bell.again === "string" ? bell.again : new Date().toISOString();
  try {
    const done = await eraseTenant(ctx, tenant);
    ctx.log.info(done ? "tenant purged" : "tenant being purged", { tenant: tenant.id });
    if (done || Date.now() - Date.parse(begun) >= CHAIN_MS) return;
    await ctx.queues.ring(doorbell(ERASE, tenant, { again: begun }));
  } catch (error) {
    ctx.log.error("tenant not purged", { tenant: tenant.id, ...errorFields(error) });
  }
}

/**
 * Erases a part of a tenant: objects first, since its log names them, then the database. Every step
 * may be repeated, so it can be broken off anywhere.
 * @returns whether all of it is gone
 */
async function eraseTenant(ctx: PlatformCtx, tenant: TenantRow): Promise<boolean> {
  const house = await enterPurging(ctx, tenant);
  if (await holdsTables(house)) {
    await eraseObjects(house);
    if (!(await eraseDatabase(house, BATCHES))) return false;
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
