import type { TenantCtx } from "../../platform/context.ts";
import { type Drained, runChained } from "../../platform/jobs/chained-drain.ts";
import type { Doorbell } from "../../platform/jobs/doorbell.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { giveBack } from "./attempt.repository.ts";
import { attempt } from "./attempt.service.ts";
import { claimSteps } from "./claim.repository.ts";
import { rebury } from "./dead-letters.service.ts";
import {
  type ClaimedRow,
  claimedBy,
  findDrainRest,
  glance,
  noteDrainSeen,
} from "./drain.repository.ts";
import { HANDLERS } from "./handlers.ts";
import type { Effect, WebhookHandler } from "./handling.ts";
import { DRAIN, ringDrain } from "./ring-drain.ts";

/**
 * What one doorbell takes: events, among them replays until so many of the tenant are in flight, and
 * bytes of payloads, which bound the CPU time of a run.
 */
const QUOTA = { live: 25, replays: 5, bytes: 2 * 1_048_576 };
/** When a run begins nothing more, in ms: a handler may take 20 seconds, and the lease is a minute. */
const BEGIN_WITHIN_MS = 30_000;
/** How often a consumer that finds nothing says that it was here, in ms. */
const SEEN_EVERY_MS = 3_600_000;

/** The handlers of events, and the random numbers of their pauses; tests bring their own. */
export interface DrainOptions {
  readonly handlers: readonly WebhookHandler[];
  readonly random: () => number;
}

/** Processes what is due, up to a {@link QUOTA} per doorbell: see {@link runChained}. */
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
  await runChained(ctx, bell, seen, now, events(options));
}

/**
 * Finds what no doorbell rang for, and leases that have lapsed, and rings for it. A chain that is
 * alive has its own bell under way.
 */
export async function lookForDue(ctx: TenantCtx): Promise<void> {
  const now = Date.now();
  const seen = await glance(ctx.db, now);
  if (!seen.open) return;
  if (seen.unburied || (seen.due && seen.chainUntil <= now)) return ringDrain(ctx);
  if (!seen.due) await rest(ctx, now, seen.seenAt);
}

const events = (options: DrainOptions): Drained<ClaimedRow> => ({
  job: DRAIN,
  what: "webhook",
  beginWithinMs: BEGIN_WITHIN_MS,
  claim: (claim) => claimSteps({ ...QUOTA, ...claim }),
  held: claimedBy,
  work: (ctx, rows, mayBegin) => attemptAll(ctx, rows, mayBegin, options),
  giveBack: (rows, lease, dueAt) =>
    giveBack(
      rows.map(({ event }) => event.id),
      lease,
      dueAt,
    ),
  rest: findDrainRest,
});

/** One after the other, in their order; then rings once for each kind of work that they left. */
async function attemptAll(
  ctx: TenantCtx,
  rows: readonly ClaimedRow[],
  mayBegin: () => boolean,
  options: DrainOptions,
): Promise<readonly ClaimedRow[]> {
  const rings = new Set<NonNullable<Effect["ring"]>>();
  let begun = 0;
  while (begun < rows.length && mayBegin()) {
    const effect = await attempt(ctx, rows[begun++] as ClaimedRow, options);
    if (effect?.ring) rings.add(effect.ring);
  }
  for (const ring of rings) await ring(ctx);
  return rows.slice(begun);
}

/** Nothing is due: a heartbeat now and then, but none where nothing was ever taken. */
async function rest(ctx: TenantCtx, now: number, seenAt: number): Promise<void> {
  if (seenAt === 0 || now - seenAt < SEEN_EVERY_MS) return;
  await commit(ctx, [noteDrainSeen(now)], [{ action: "webhook.consumer_seen", summed: true }]);
}
