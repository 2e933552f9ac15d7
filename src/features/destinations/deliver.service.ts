import type { TenantCtx } from "../../platform/context.ts";
import { inLanes } from "../../platform/in-lanes.ts";
import { type Drained, runChained } from "../../platform/jobs/chained-drain.ts";
import type { Doorbell } from "../../platform/jobs/doorbell.ts";
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

/** Deliveries that one doorbell takes. */
const MOST = 25;
/**
 * Posted at once, which is as many connections as an invocation may hold open, and to one
 * destination, so that a slow one leaves room for the others.
 */
const AT_ONCE = { total: 6, perLane: 3 };

/** Delivers what is due, up to {@link MOST} per doorbell: see {@link runChained}. */
export async function deliver(
  ctx: TenantCtx,
  bell: { readonly again?: Doorbell["again"] },
  options: DeliverOptions,
): Promise<void> {
  const now = Date.now();
  const seen = await glance(ctx.db, now);
  if (!seen.open || !seen.due) return;
  await runChained(ctx, bell, seen, now, dueDeliveries(options));
}

const dueDeliveries = (options: DeliverOptions): Drained<Claimed> => ({
  job: DELIVER,
  what: "delivery",
  claim: (claim) => claimSteps({ ...claim, most: MOST }),
  held: claimedBy,
  work: (ctx, rows, mayBegin) => {
    const laneOf = ({ destination }: Claimed) => destination.id;
    return inLanes(rows, { ...AT_ONCE, laneOf, mayBegin }, (row) => attempt(ctx, row, options));
  },
  giveBack: (rows, lease, dueAt) =>
    giveBack(
      rows.map(({ delivery }) => delivery.id),
      lease,
      dueAt,
    ),
  rest: findDeliveryRest,
});
