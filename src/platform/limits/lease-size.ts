import type { Policy } from "./ledger.ts";

/** Policies from this limit on are lent many at a time; of smaller ones every last token is lent. */
const LARGE = 1_000;

export function isLarge({ limit }: Policy): boolean {
  return limit >= LARGE;
}

/** Usage from which tokens are dear. */
const NEAR = 0.75;
/** For how long an isolate is provided, as a share of the window and in ms at most. */
const FAR_STRETCH = { share: 1 / 2, atMost: 30_000 };
const NEAR_STRETCH = { share: 1 / 100, atMost: 1_000 };
/** What one lease takes at most: a share of what is free, and near the limit of the limit. */
const FAR_SHARE = 1 / 32;
const NEAR_SHARE = 1 / 100;
/** No lease is shorter, in ms: its tokens must reach the one who asked. */
const SHORTEST = 1_000;

/** What an isolate can make use of. */
export interface Demand {
  /** Requests a second that the isolate has met lately. */
  readonly rate: number;
  /** Tokens that are needed now; 0 to be provided for what comes. */
  readonly need: number;
  /** Tokens that the isolate has still. */
  readonly have: number;
}

/** How many tokens a lease has, and for how long. */
export interface LeaseSize {
  readonly tokens: number;
  readonly lifeMs: number;
}

/**
 * Sizes a lease to the rate of its holder: long while usage is low, which spares questions; short
 * near the limit, where what lies idle in one isolate is missing in another.
 */
export function leaseSize(
  { limit, windowMs }: Policy,
  used: number,
  { rate, need, have }: Demand,
): LeaseSize {
  const near = used >= NEAR * limit;
  const { share, atMost } = near ? NEAR_STRETCH : FAR_STRETCH;
  const stretchMs = Math.min(windowMs * share, atMost);
  const most = near ? limit * NEAR_SHARE : (limit - used) * FAR_SHARE;
  const wanted = Math.ceil((rate * stretchMs) / 1_000) - have;
  return {
    tokens: Math.max(need, Math.min(wanted, Math.floor(most))),
    lifeMs: near ? SHORTEST : Math.max(SHORTEST, stretchMs),
  };
}

/** Refusals that one question should be good for. */
const WORTH = 192;
/** What all who wait may leave lying at a time, as a share of a large limit. */
const IDLE = 1 / 50;
/** No refused isolate waits longer for that, as a share of the window. */
const LONGEST_PAUSE = 1 / 16;

/**
 * For how long an isolate that gets nothing does not ask again, in ms, even if tokens are free
 * before: until it has spent what it has, and then for a while.
 * @param idle tokens that others leave lying meanwhile
 */
export function pauseFor(policy: Policy, { rate, have }: Demand, idle: number): number {
  const { limit, windowMs } = policy;
  const most = isLarge(policy) ? Math.max(0, limit * IDLE - idle) : WORTH;
  const refusals = Math.min(WORTH, most);
  return Math.min(windowMs * LONGEST_PAUSE, ((have + refusals) / Math.max(rate, 0.001)) * 1_000);
}
