import type { TenantCtx } from "../../platform/context.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { isAnyDue } from "./fan-out.repository.ts";

/** Name of the job that delivers events to a tenant's destinations. */
export const DELIVER = "destinations.deliver";

/**
 * After events were recorded: tells a consumer, if any destination wants one of them. If it cannot be
 * told, or nobody comes to ask, the sweeper finds them.
 */
export async function ringDeliveries(ctx: TenantCtx): Promise<void> {
  try {
    if (await isAnyDue(ctx.db, Date.now())) await ringJob(ctx, DELIVER);
  } catch (error) {
    ctx.log.warn("doorbell not rung", { job: DELIVER, ...errorFields(error) });
  }
}
