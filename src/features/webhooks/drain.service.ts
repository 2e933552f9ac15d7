import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, sayActive } from "../../platform/tenancy/index.ts";
import { attempt } from "./attempt.service.ts";
import { rebury } from "./dead-letters.service.ts";
import {
  type Claim,
  type ClaimedRow,
  claimedBy,
  claimSteps,
  glance,
  isChainAlive,
  noteSeen,
} from "./drain.repository.ts";
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
  if (!seen.due) return rest(ctx, now, seen.seenAt);
  const again = bell.again ?? false;
  if (!again && seen.chainUntil > now) return;
  const lease = newId("lease");
  if (!(await claim(ctx, { ...QUOTA, lease, now, again, ...untilFrom(now) }))) return;
  const rows = await claimedBy(ctx.db, lease);
  const retries: Date[] = [];
  for (const row of rows) {
    const retryAt = await attempt(ctx, row, options);
    if (retryAt) retries.push(retryAt);
  }
  await ringAfter(ctx, rows, retries);
  await sayActive(ctx);
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

/** The next doorbell of the chain, and one for the first event that is to be tried again. */
async function ringAfter(
  ctx: TenantCtx,
  rows: readonly ClaimedRow[],
  retries: readonly Date[],
): Promise<void> {
  if (await isChainAlive(ctx.db)) {
    await ringDrain(ctx, { again: true, delaySeconds: rows.length > 0 ? 0 : PAUSE_SECONDS });
  }
  if (retries.length === 0) return;
  const first = Math.min(...retries.map((time) => time.getTime()));
  await ringDrain(ctx, { delaySeconds: (first - Date.now()) / 1_000 });
}

/** Nothing is due: a heartbeat now and then, and a look at what was buried in vain. */
async function rest(ctx: TenantCtx, now: number, seenAt: number): Promise<void> {
  if (now - seenAt >= SEEN_EVERY_MS) {
    await commit(ctx, [noteSeen(now)], [{ action: "webhook.consumer_seen", summed: true }]);
  }
  await rebury(ctx, now);
}
