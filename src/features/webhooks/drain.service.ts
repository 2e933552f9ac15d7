import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { inTime } from "../../platform/in-time.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, sayActive } from "../../platform/tenancy/index.ts";
import { attempt } from "./attempt.service.ts";
import { type Claim, claimSteps } from "./claim.repository.ts";
import { rebury } from "./dead-letters.service.ts";
import { claimedBy, findRest, glance, noteSeen } from "./drain.repository.ts";
import { HANDLERS } from "./handlers.ts";
import type { WebhookHandler } from "./handling.ts";
import { ringDrain } from "./ring-drain.ts";

/** Live events, and replays, that one doorbell takes. */
const LIVE_PER_DRAIN = 25;
/** Replays in flight per tenant; and so many, at most, start while a live event is due. */
export const REPLAYS_IN_FLIGHT = 5;
/** How long a consumer may work on what it took, in ms. */
const LEASE_MS = 60_000;
/** How long a chain is trusted to ring its next doorbell, in ms. */
const CHAIN_MS = 60_000;
/** Pause of a chain that could take nothing of what is due, because others have it, in seconds. */
const PAUSE_SECONDS = 5;
/** How long a drain waits for the registry, in ms. */
const REGISTRY_MS = 1_000;
/** How often a consumer that finds nothing says that it was here, in ms. */
const SEEN_EVERY_MS = 3_600_000;

/** Where the drain's luck and its handlers come from; tests bring their own. */
export interface DrainOptions {
  readonly handlers: readonly WebhookHandler[];
  readonly random: () => number;
}

/**
 * Processes what is due, up to {@link LIVE_PER_DRAIN} events, then rings again if there is more: the
 * tail of the queue is behind everybody else's doorbells. While such a chain is alive other
 * doorbells of the tenant do nothing, so a flood of them is one chain.
 */
export async function drain(
  ctx: TenantCtx,
  bell: { readonly again?: boolean | undefined },
  options: DrainOptions = { handlers: HANDLERS, random: Math.random },
): Promise<void> {
  const now = Date.now();
  const seen = await glance(ctx.db, now);
  if (!seen.open) return;
  if (seen.unburied) await rebury(ctx, now);
  if (!seen.due) return rest(ctx, now, seen.seenAt);
  const again = bell.again ?? false;
  if (!again && seen.chainUntil > now) return;
  await tellSweeper(ctx);
  const lease = newId("lease");
  if (!(await claim(ctx, { ...QUOTA, lease, now, again, ...untilFrom(now) }))) return;
  const rows = await claimedBy(ctx.db, lease);
  let failed = false;
  for (const row of rows) failed = (await attempt(ctx, row, options)) || failed;
  await ringAfter(ctx, now, rows.length > 0, failed);
}

const QUOTA = { live: LIVE_PER_DRAIN, replays: REPLAYS_IN_FLIGHT };
const untilFrom = (now: number) => ({ leaseUntil: now + LEASE_MS, chainUntil: now + CHAIN_MS });

/** Whether it was this consumer that took what is due. */
async function claim(ctx: TenantCtx, wanted: Claim): Promise<boolean> {
  try {
    await commit(ctx, claimSteps(wanted), [{ action: "webhook.claimed", summed: true }]);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "conflict") return false;
    throw error;
  }
}

/**
 * The next doorbell of the chain, and one for the event that is to be tried again first: whoever
 * failed just now rings for it, and so does the end of a chain, as the bells of the others that
 * wait for another attempt may have given way to it.
 */
async function ringAfter(
  ctx: TenantCtx,
  now: number,
  took: boolean,
  failed: boolean,
): Promise<void> {
  const { chainAlive, retryAt } = await findRest(ctx.db, now);
  if (chainAlive) await ringDrain(ctx, { again: true, delaySeconds: took ? 0 : PAUSE_SECONDS });
  if (retryAt === null || (chainAlive && !failed)) return;
  await ringDrain(ctx, { delaySeconds: (retryAt - Date.now()) / 1_000 });
}

/**
 * Says that the tenant is active before anything is taken: should this consumer end on the way, what
 * it took waits for the sweeper, which comes to the others by the hour only. Where the registry does
 * not answer, the events are not held up by that, and the next drain says it.
 */
async function tellSweeper(ctx: TenantCtx): Promise<void> {
  try {
    await inTime(sayActive(ctx), REGISTRY_MS, () => new Failure("database-unavailable"));
  } catch (error) {
    ctx.log.warn("activity not said", errorFields(error));
  }
}

/** Nothing is due: a heartbeat now and then. */
async function rest(ctx: TenantCtx, now: number, seenAt: number): Promise<void> {
  if (now - seenAt < SEEN_EVERY_MS) return;
  await commit(ctx, [noteSeen(now)], [{ action: "webhook.consumer_seen", summed: true }]);
}
