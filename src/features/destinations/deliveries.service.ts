import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import {
  type AttemptRow,
  type DeliveryFilters,
  type DeliveryRow,
  findDelivery,
  insertDelivery,
  listDeliveries,
} from "./deliveries.repository.ts";
import { get } from "./destinations.service.ts";
import { requireEnabled } from "./resend.repository.ts";
import { DELIVER } from "./ring-deliveries.ts";

export type { DeliveryRow } from "./deliveries.repository.ts";

/** A delivery with all that is kept of it. */
export interface DeliveryDetail {
  readonly delivery: DeliveryRow;
  readonly attempts: readonly AttemptRow[];
}

/** @throws Failure `not-found` for a destination that is not there */
export async function list(
  ctx: TenantCtx,
  destinationId: string,
  query: DeliveryFilters & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<DeliveryRow>> {
  const { limit, cursor, ...filters } = query;
  const page = await paginate(
    ctx,
    { list: "deliveries", filters: { ...filters, destinationId }, limit, cursor },
    (after, count) => listDeliveries(ctx.db, destinationId, filters, after, count),
    (row) => [row.id],
  );
  // Where there are deliveries there is somebody they go to.
  if (page.items.length === 0) await get(ctx, destinationId);
  return page;
}

/** @throws Failure `not-found` */
export async function getDelivery(
  ctx: TenantCtx,
  destinationId: string,
  id: string,
  from?: "primary",
): Promise<DeliveryDetail> {
  const found = await findDelivery(ctx.db, destinationId, id, from);
  if (!found) throw new Failure("not-found");
  return found;
}

/**
 * Queues a sample for a destination, whatever types it wants.
 * @throws Failure `not-found`, `delivery-state` for a destination that is disabled
 */
export async function sendSample(
  ctx: TenantCtx,
  destinationId: string,
  { type, data }: { readonly type: string; readonly data?: Record<string, unknown> | undefined },
): Promise<DeliveryRow> {
  await get(ctx, destinationId, "primary");
  const now = new Date();
  const row: DeliveryRow = {
    id: newId("delivery"),
    destinationId,
    eventId: newId("event"),
    type,
    sample: data ?? { test: true },
    status: "pending",
    attempts: 0,
    tries: 0,
    leases: 0,
    dueAt: now,
    lease: null,
    responseStatus: null,
    lastError: null,
    createdAt: now,
    endedAt: null,
  };
  const result = await commit(
    ctx,
    [insertDelivery(row), requireEnabled(destinationId)],
    [{ action: "delivery.sample_sent", target: row.id }],
    row,
  );
  await ringJob(ctx, DELIVER);
  return result;
}
