import type { TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import { commitAside } from "../../platform/tenancy/index.ts";
import {
  countRejections,
  listRejections,
  type RejectionFilters,
  type RejectionRow,
} from "./rejections.repository.ts";
import type { RejectionReason } from "./webhooks.tables.ts";

/**
 * Counts a delivery that is turned away, then throws `error`. A fault of ours is no rejection.
 * @param service slug; empty where there is no such service
 */
export async function turnAway(
  ctx: TenantCtx,
  service: string,
  reason: RejectionReason,
  error: unknown,
): Promise<never> {
  if (error instanceof Failure) await noteRejections(ctx, service, reason, 1);
  throw error;
}

/** Counts deliveries that were turned away. If that cannot be written, the log has it. */
export async function noteRejections(
  ctx: TenantCtx,
  service: string,
  reason: RejectionReason,
  count: number,
): Promise<void> {
  try {
    await commitAside(
      ctx,
      [countRejections(service, reason, count, new Date())],
      [{ action: "webhook.rejected", details: { service, reason }, summed: true }],
    );
  } catch (error) {
    ctx.log.error("rejection not counted", { service, reason, ...errorFields(error) });
  }
}

/** What was turned away, the newest hour first. */
export function listRejected(
  ctx: TenantCtx,
  query: RejectionFilters & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<RejectionRow>> {
  const { limit, cursor, ...filters } = query;
  return paginate(
    ctx,
    { list: "webhook_rejections", filters, limit, cursor },
    (after, count) => listRejections(ctx.db, filters, after, count),
    (row) => [row.hour.getTime(), row.service, row.reason],
  );
}
