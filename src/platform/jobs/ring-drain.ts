import type { Ctx } from "../context.ts";
import { errorFields } from "../observe/logger.ts";
import { type Doorbell, doorbell, type House, type JobAddress } from "./doorbell.ts";
import { tellSweeper } from "./tell-sweeper.ts";

export interface RingOptions {
  /** Token of the chain that goes on with this bell. */
  readonly again?: Doorbell["again"];
  readonly delaySeconds?: number;
  /** At whose door; the context's own by default. */
  readonly house?: House;
}

/**
 * Tells a consumer that there is something due for this job. A bell that cannot be rung fails
 * nothing: what is due stands in the database, and the sweeper is told to come and find it.
 */
export async function ringJob(ctx: Ctx, job: JobAddress, options: RingOptions = {}): Promise<void> {
  const { again, delaySeconds, house = ctx.realm } = options;
  try {
    await ctx.queues.ring(doorbell(job, house, again ? { again } : {}), delaySeconds);
  } catch (error) {
    ctx.log.warn("doorbell not rung", { job: job.name, ...errorFields(error) });
    await tellSweeper(ctx, house);
  }
}
