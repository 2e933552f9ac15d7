import type { TenantCtx } from "../../platform/context.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { Failure } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { type DeliveryRow, getDelivery } from "./deliveries.service.ts";
import { get } from "./destinations.service.ts";
import {
  countDeliveries,
  findDeliveries,
  requireEnabled,
  resendMany,
  resendOne,
} from "./resend.repository.ts";
import { DELIVER } from "./ring-deliveries.ts";

/** Deliveries that one call sends anew. */
export const MOST_RESENT = 1_000;

/** Which deliveries of a destination: those that have ended, in this way. */
export interface ResendFilters {
  readonly status: "failed" | "delivered";
  readonly event_type?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/**
 * Sends a delivery once more, with all its attempts and the same id.
 * @throws Failure `not-found`, `delivery-state` while it is being sent, or its destination is disabled
 */
export async function resend(
  ctx: TenantCtx,
  destinationId: string,
  id: string,
): Promise<DeliveryRow> {
  const { delivery } = await getDelivery(ctx, destinationId, id, "primary");
  if (delivery.status === "sending") {
    throw new Failure("delivery-state", "A delivery that is being sent is not sent anew.");
  }
  const at = new Date();
  const after = {
    ...delivery,
    status: "pending",
    tries: 0,
    leases: 0,
    dueAt: at,
    endedAt: null,
  } as const;
  const result = await commit(
    ctx,
    [resendOne(id, at), requireEnabled(destinationId)],
    [{ action: "delivery.resent", target: id }],
    after,
  );
  await ringJob(ctx, DELIVER);
  return result;
}

/** How many there were, and how many of them are sent anew. */
export interface BulkResend {
  readonly matched: number;
  readonly resent: number;
  /** Whether there were more than one call sends. */
  readonly more: boolean;
}

/**
 * Sends what has ended once more, the oldest first, at most {@link MOST_RESENT} a call.
 * @param dryRun only count
 * @throws Failure `not-found`, `delivery-state` for a destination that is disabled, `conflict` when
 *   somebody else changed one of them meanwhile; nothing was done
 */
export async function resendMatching(
  ctx: TenantCtx,
  destinationId: string,
  filters: ResendFilters,
  dryRun: boolean,
): Promise<BulkResend> {
  await get(ctx, destinationId, "primary");
  if (dryRun) {
    const matched = await countDeliveries(ctx.db, destinationId, filters);
    return { matched, resent: 0, more: matched > MOST_RESENT };
  }
  const found = await findDeliveries(ctx.db, destinationId, filters, MOST_RESENT + 1);
  const ids = found.slice(0, MOST_RESENT);
  if (ids.length === 0) return { matched: 0, resent: 0, more: false };
  const details = { ...filters, deliveries: ids.length };
  const result = await commit(
    ctx,
    [...resendMany(ids, new Date()), requireEnabled(destinationId)],
    [{ action: "delivery.resent", target: destinationId, details }],
    { matched: ids.length, resent: ids.length, more: found.length > ids.length },
  );
  await ringJob(ctx, DELIVER);
  return result;
}
