import type { Ctx } from "../../platform/context.ts";
import { type RingOptions, ringJob } from "../../platform/jobs/ring-drain.ts";

/** Name of the job that processes a tenant's events. */
export const DRAIN = "webhooks.drain";

/** Tells a consumer that events are due. */
export function ringDrain(ctx: Ctx, options?: RingOptions): Promise<void> {
  return ringJob(ctx, DRAIN, options);
}
