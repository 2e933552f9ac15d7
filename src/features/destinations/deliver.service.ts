import type { TenantCtx } from "../../platform/context.ts";
import { inLanes } from "../../platform/in-lanes.ts";
import { type Drained, runChained } from "../../platform/jobs/chained-drain.ts";
import type { Doorbell } from "../../platform/jobs/doorbell.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { giveBack } from "./attempt.repository.ts";
import { attempt, type DeliverOptions } from "./attempt.service.ts";
import {
  type Claimed,
  claimedBy,
  claimSteps,
  findDeliveryRest,
  glance,
} from "./claim.repository.ts";
import { DELIVER } from "./ring-deliveries.ts";
import { END_STRANDED, endStranded, isAnyStranded } from "./stranded.repository.ts";

/** Deliveries that one doorbell takes. */
const MOST = 25;
/** Posted at once, which is as many connections as an invocation may hold open, and to one destination. */
const AT_ONCE = { total: 6, perLane: 3 };
/** When a run begins nothing more, in ms: those who wait for a slow destination wait no longer. */
const BEGIN_WITHIN_MS = 10_000;

/** Delivers what is due, up to {@link MOST} per doorbell: see {@link runChained}. */
export async function deliver(
  ctx: TenantCtx,
  bell: { readonly again?: Doorbell["again"] },
  options: DeliverOptions,
): Promise<void> {
  const now = Date.now();
  const seen = await glance(ctx.db, now);
  if (!seen.open) return;
  if (seen.stranded) await endWhatIsStranded(ctx);
  if (seen.due) await runChained(ctx, bell, seen, now, dueDeliveries(options));
}

/**
 * Finds what no doorbell rang for, and leases that have lapsed, and rings for it. A chain that is
 * alive has its own bell under way.
 */
export async function lookForDue(ctx: TenantCtx): Promise<void> {
  const now = Date.now();
  const { open, due, stranded, chainUntil } = await glance(ctx.db, now);
  if (open && (stranded || (due && chainUntil <= now))) await ringJob(ctx, DELIVER);
}

/** A chunk of it, and rings for the next. */
async function endWhatIsStranded(ctx: TenantCtx): Promise<void> {
  const at = new Date();
  const entry = { action: "delivery.stranded_ended", whenChanged: END_STRANDED } as const;
  await commit(ctx, [endStranded(at)], [entry]);
  if (await isAnyStranded(ctx.db, at.getTime())) await ringJob(ctx, DELIVER);
}

const dueDeliveries = (options: DeliverOptions): Drained<Claimed> => ({
  job: DELIVER,
  what: "delivery",
  beginWithinMs: BEGIN_WITHIN_MS,
  claim: (claim) => claimSteps({ ...claim, most: MOST }),
  held: claimedBy,
  work: (ctx, rows, mayBegin) => {
    const laneOf = ({ destinationId }: Claimed) => destinationId;
    return inLanes(rows, { ...AT_ONCE, laneOf, mayBegin }, (row) => attempt(ctx, row, options));
  },
  giveBack: (rows, lease, dueAt) =>
    giveBack(
      rows.map(({ id }) => id),
      lease,
      dueAt,
    ),
  rest: findDeliveryRest,
});
