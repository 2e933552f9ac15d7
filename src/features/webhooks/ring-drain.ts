import type { Ctx } from "../../platform/context.ts";
import type { JobAddress } from "../../platform/jobs/doorbell.ts";
import { type RingOptions, ringJob } from "../../platform/jobs/ring-drain.ts";

/** The job that processes a tenant's events. */
export const DRAIN: JobAddress = { name: "webhooks.drain", queue: "doorbells" };

/** Tells a consumer that events are due. */
export function ringDrain(ctx: Ctx, options?: RingOptions): Promise<void> {
  return ringJob(ctx, DRAIN, options);
}
