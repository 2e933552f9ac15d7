import type { Ctx } from "../context.ts";
import { inTime } from "../in-time.ts";
import { errorFields } from "../observe/logger.ts";
import { Failure } from "../problems.ts";
import { sayActive } from "../tenancy/index.ts";
import type { House } from "./doorbell.ts";

/** How long the registry may take, in ms. */
const REGISTRY_MS = 1_000;

/**
 * Says that a tenant has work, so that the sweeper comes by the minute: to the others it comes every
 * few hours only. Where the registry does not answer, nothing is held up by that.
 */
export async function tellSweeper(ctx: Ctx, house: House = ctx.realm): Promise<void> {
  try {
    await inTime(sayActive(ctx, house), REGISTRY_MS, () => new Failure("database-unavailable"));
  } catch (error) {
    ctx.log.warn("activity not said", errorFields(error));
  }
}
