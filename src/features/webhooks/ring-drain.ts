import type { Ctx } from "../../platform/context.ts";
import { type Doorbell, doorbell, type House } from "../../platform/jobs/doorbell.ts";
import { errorFields } from "../../platform/observe/logger.ts";

/** Name of the job that processes a tenant's events. */
export const DRAIN = "webhooks.drain";

/**
 * Tells a consumer that events are due. A bell that cannot be rung fails nothing: what is due stands
 * in the database, and the sweeper finds it.
 */
export async function ringDrain(
  ctx: Ctx,
  options: {
    /** Token of the chain that goes on with this bell. */
    readonly again?: Doorbell["again"];
    readonly delaySeconds?: number;
    /** Whose events; the context's own by default. */
    readonly house?: House;
  } = {},
): Promise<void> {
  const { again, delaySeconds, house = ctx.realm } = options;
  try {
    await ctx.queues.ring(doorbell(DRAIN, house, again ? { again } : {}), delaySeconds);
  } catch (error) {
    ctx.log.warn("doorbell not rung", { job: DRAIN, ...errorFields(error) });
  }
}
