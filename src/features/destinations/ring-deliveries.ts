import type { TenantCtx } from "../../platform/context.ts";
import type { JobAddress } from "../../platform/jobs/doorbell.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { isAnyDue } from "./fan-out.repository.ts";

/**
 * The job that delivers events to a tenant's destinations. It waits for other people's servers, so
 * its queue is its own: nobody's webhooks wait behind it.
 */
export const DELIVER: JobAddress = { name: "destinations.deliver", queue: "deliveries" };

/**
 * After events were recorded: tells a consumer, if any destination wants one of them. If it cannot be
 * told, or nobody comes to ask, the sweeper finds them.
 */
export async function ringDeliveries(ctx: TenantCtx): Promise<void> {
  try {
    if (await isAnyDue(ctx.db, Date.now())) await ringJob(ctx, DELIVER);
  } catch (error) {
    ctx.log.warn("doorbell not rung", { job: DELIVER.name, ...errorFields(error) });
  }
}
