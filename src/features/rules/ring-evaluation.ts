import type { TenantCtx } from "../../platform/context.ts";
import type { JobAddress } from "../../platform/jobs/doorbell.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { hasSamples } from "./samples.repository.ts";

/** The job that holds a tenant's rules against what was measured. */
export const EVALUATE: JobAddress = { name: "signals.evaluate", queue: "doorbells" };

/**
 * After samples were taken: tells a consumer, if a rule watches any of them. If it cannot be told, the
 * next visit finds them.
 */
export async function ringEvaluation(ctx: TenantCtx): Promise<void> {
  try {
    if (await hasSamples(ctx.db)) await ringJob(ctx, EVALUATE);
  } catch (error) {
    ctx.log.warn("doorbell not rung", { job: EVALUATE.name, ...errorFields(error) });
  }
}
