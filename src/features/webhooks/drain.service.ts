import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { inTime } from "../../platform/in-time.ts";
import type { Doorbell } from "../../platform/jobs/doorbell.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, sayActive } from "../../platform/tenancy/index.ts";
import { giveBack } from "./attempt.repository.ts";
import { attempt } from "./attempt.service.ts";
import { claimSteps } from "./claim.repository.ts";
import { rebury } from "./dead-letters.service.ts";
import {
  type ClaimedRow,
  claimedBy,
  findRest,
  type Glance,
  glance,
  noteSeen,
} from "./drain.repository.ts";
import { HANDLERS } from "./handlers.ts";
import type { WebhookHandler } from "./handling.ts";
import { ringDrain } from "./ring-drain.ts";

/**
 * What one doorbell takes: events, among them replays until so many of the tenant are in flight, and
 * bytes of payloads, which bound the CPU time of a run.
 */
const QUOTA = { live: 25, replays: 5, bytes: 2 * 1_048_576 };
/** How long a consumer may work on what it took, in ms. */
const LEASE_MS = 60_000;
/** When it begins nothing more, in ms: what it began must be able to end within the lease. */
const BEGIN_WITHIN_MS = 30_000;
/** How long a chain is trusted to ring its next doorbell, in ms. */
const CHAIN_MS = 60_000;
/** Pause of a chain that could take nothing of what is due, because others have it, in seconds. */
const PAUSE_SECONDS = 5;
/** How long a drain waits for the registry, in ms. */
const REGISTRY_MS = 1_000;
/** How often a consumer that finds nothing says that it was here, in ms. */
const SEEN_EVERY_MS = 3_600_000;

/** The handlers of events, and the random numbers of their pauses; tests bring their own. */
export interface DrainOptions {
  readonly handlers: readonly WebhookHandler[];
  readonly random: () => number;
}

/**
 * Processes what is due, up to a {@link QUOTA}, then rings again if there is more: the tail of the
 * queue is behind everybody else's doorbells. Each bell of such a chain carries the token of the run
 * that rang it. While the chain is alive all other bells of the tenant do nothing, its own doubled
 * ones too, so a flood of them is one chain.
 */
export async function drain(
  ctx: TenantCtx,
  bell: { readonly again?: Doorbell["again"] },
  options: DrainOptions = { handlers: HANDLERS, random: Math.random },
): Promise<void> {
  const now = Date.now();
  const seen = await glance(ctx.db, now);
  if (!seen.open) return;
  if (seen.unburied) await rebury(ctx, now);
  if (!seen.due) return rest(ctx, now, seen.seenAt);
  const token = typeof bell.again === "string" ? bell.again : null;
  if (seen.chainUntil > now && seen.chain !== token) return;
  await tellSweeper(ctx);
  const lease = newId("lease");
  if (!(await claim(ctx, lease, token, now))) return;
  const rows = await claimedBy(ctx.db, lease);
  let begun = 0;
  while (begun < rows.length && Date.now() - now < BEGIN_WITHIN_MS) {
    await attempt(ctx, rows[begun++] as ClaimedRow, options);
  }
  const unbegun = rows.slice(begun);
  if (unbegun.length > 0) await returnAll(ctx, lease, unbegun, now);
  await ringAfter(ctx, { lease, seen, took: rows.length > 0, gave: unbegun.length > 0 });
}

/** Whether it was this consumer that took what is due. */
async function claim(
  ctx: TenantCtx,
  lease: string,
  token: string | null,
  now: number,
): Promise<boolean> {
  const times = { now, leaseUntil: now + LEASE_MS, chainUntil: now + CHAIN_MS };
  const steps = claimSteps({ ...QUOTA, ...times, lease, token });
  try {
    await commit(ctx, steps, [{ action: "webhook.claimed", summed: true }]);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "conflict") return false;
    throw error;
  }
}

/** Without this they would wait for the end of the lease, and that one would count as lost. */
async function returnAll(
  ctx: TenantCtx,
  lease: string,
  rows: readonly ClaimedRow[],
  now: number,
): Promise<void> {
  const ids = rows.map(({ event }) => event.id);
  try {
    const steps = giveBack(ids, lease, new Date(now));
    await commit(ctx, steps, [{ action: "webhook.given_back", summed: true }]);
  } catch (error) {
    ctx.log.warn("webhooks not given back", { events: ids.length, ...errorFields(error) });
  }
}

/**
 * The next doorbell of the chain, and one for the failed event that is to be tried again first,
 * unless a bell for it was under way before. What was given back is due though the chain may have
 * ended: any bell will do then.
 */
async function ringAfter(
  ctx: TenantCtx,
  run: { lease: string; seen: Glance; took: boolean; gave: boolean },
): Promise<void> {
  const { chain, retryRungFor } = await findRest(ctx.db);
  if (chain === run.lease) {
    await ringDrain(ctx, { again: chain, delaySeconds: run.took ? 0 : PAUSE_SECONDS });
  } else if (run.gave) {
    await ringDrain(ctx);
  }
  if (retryRungFor === null || retryRungFor === run.seen.retryRungFor) return;
  await ringDrain(ctx, { delaySeconds: (retryRungFor - Date.now()) / 1_000 });
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

/** Nothing is due: a heartbeat now and then, but none where nothing was ever taken. */
async function rest(ctx: TenantCtx, now: number, seenAt: number): Promise<void> {
  if (seenAt === 0 || now - seenAt < SEEN_EVERY_MS) return;
  await commit(ctx, [noteSeen(now)], [{ action: "webhook.consumer_seen", summed: true }]);
}
