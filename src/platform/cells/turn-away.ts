import { guardLets } from "../limits/address-guard.ts";
import { callerLine } from "../limits/addresses.ts";
import { errorFields, type Logger } from "../observe/logger.ts";
import { Failure } from "../problems.ts";
import type { RouterBindings } from "./router-env.ts";

/** After how long the counter lets an address through again: its period, in seconds. */
const GUARD_SECONDS = 60;

/**
 * What somebody hears who has come to a host that is nobody's door. The location's own counter alone
 * holds them to a limit: a flood of made-up hosts reaches no cell and no object.
 * @param ip address of the caller as the edge saw it
 */
export async function turnAway(
  { ADDRESS_GUARD }: RouterBindings,
  log: Logger,
  ip = "unknown",
): Promise<Failure> {
  try {
    if (await guardLets(ADDRESS_GUARD, callerLine(ip))) return new Failure("tenant-not-found");
  } catch (error) {
    log.warn("address guard failed", errorFields(error));
    return new Failure("tenant-not-found");
  }
  return new Failure("quota-exceeded", "No more is admitted for now.", {
    retryAfter: GUARD_SECONDS,
  });
}
