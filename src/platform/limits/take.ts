import type { Ctx } from "../context.ts";
import { createLru } from "../lru.ts";
import { errorFields } from "../observe/logger.ts";
import { takeFrom, type Verdict } from "./lease-client.ts";
import { knownPurse, type Limit, type Purse, refusedUntil } from "./purses.ts";
import { deafUntil } from "./unheard.ts";

/** Purses that an isolate keeps: about a kilobyte each. Whose purse is dropped asks again. */
const PURSES = 10_000;

/** A cache, as all that an isolate remembers: what counts stands in the objects. */
const purses = createLru<Purse>(PURSES);

/**
 * Spends one token of every limit, or of none. Most requests ask no object: tokens are leased.
 * @param account name of the RATE_LIMITER object, such as `tenant:<id>`
 */
export function take(
  ctx: Pick<Ctx, "objects" | "log">,
  account: string,
  limits: readonly Limit[],
): Promise<Verdict> {
  return takeFrom(purses, account, limits, {
    ask: (asks) => ctx.objects.ask("RATE_LIMITER", account, (limiter) => limiter.lend(asks)),
    now: Date.now,
    onError: (error) => ctx.log.warn("rate limiter silent", { account, ...errorFields(error) }),
  });
}

/**
 * What this isolate knows without asking: for how long the limit would refuse, in ms; 0 when it may
 * admit. No call, spends nothing. While the object does not answer and what is admitted without it is
 * spent, one in a while is let through, so that it is asked again.
 */
export function refusedFor(account: string, limit: Limit): number {
  const purse = knownPurse(purses, account, limit);
  if (!purse) return 0;
  const now = Date.now();
  return Math.max(0, refusedUntil(purse, now) - now, deafUntil(purse, now) - now);
}
