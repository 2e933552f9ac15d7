import { newId } from "../ids.ts";
import type { Lru } from "../lru.ts";
import type { Ask, Loan } from "./account.ts";
import type { Policy } from "./ledger.ts";

/** A limit that a request has to pass. */
export interface Limit {
  /** Name in headers, such as `tenant`. */
  readonly name: string;
  /** Names the account in its object, such as `user:user_01h…`. */
  readonly key: string;
  readonly policy: Policy;
}

/** What an isolate knows of one account. Plain data: it outlives the request that made it. */
export interface Purse {
  /** The lease that is being spent; times are the isolate's, in ms. */
  lease: { readonly id: string; readonly endsAt: number } | null;
  left: number;
  /** Leases that are over, with what was left of them; told with the next ask. */
  returns: { readonly id: string; readonly unspent: number }[];
  /** Until when the object need not be asked: it would refuse. */
  refusedUntil: number;
  /** Requests a second, lately. */
  rate: number;
  metAt: number;
  /** Free tokens of the account when last heard of. */
  remaining: number;
  /** Tokens that were spent while the object did not answer, and since when. */
  unheard: { since: number; spent: number };
}

export interface Verdict {
  readonly admitted: boolean;
  /** For each limit what is left, and when there is more, in ms from now. */
  readonly limits: readonly {
    readonly limit: Limit;
    readonly remaining: number;
    readonly resetMs: number;
    readonly violated: boolean;
  }[];
}

/** Over how long the rate is averaged, in ms. */
const RATE_MS = 1_000;
/** Asks per request: between its ask and its spending others may have spent the tokens. */
const TRIES = 3;
/** Share of a limit that one isolate admits per window while the object does not answer. */
const UNHEARD_SHARE = 0.01;

/**
 * Spends one token of every limit, or of none. Tokens come from leases, so most requests ask nobody;
 * and where the object has said when there will be more, refusing asks nobody either.
 * @param ask the object that keeps these accounts
 */
export async function take(
  purses: Lru<Purse>,
  limits: readonly Limit[],
  ask: (asks: readonly Ask[]) => Promise<Loan>,
  clock: () => number,
): Promise<Verdict> {
  for (const limit of limits) meet(purseOf(purses, limit), clock());
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const now = clock();
    const refused = limits.filter((limit) => purseOf(purses, limit).refusedUntil > now);
    if (refused.length > 0) return verdict(purses, limits, now, refused);
    const empty = limits.filter((limit) => !hasToken(purseOf(purses, limit), now));
    if (empty.length === 0) return spend(purses, limits, now);
    // From before the call, so that a lease never lasts longer here than there.
    const asks = empty.map((limit) => askFor(purseOf(purses, limit), limit));
    let loan: Loan;
    try {
      loan = await ask(asks);
    } catch {
      return spendUnheard(purses, limits, clock());
    }
    receive(purses, empty, asks, loan, now);
  }
  return spendUnheard(purses, limits, clock());
}

function purseOf(purses: Lru<Purse>, { key }: Limit): Purse {
  const there = purses.get(key);
  if (there) return there;
  const made: Purse = {
    lease: null,
    left: 0,
    returns: [],
    refusedUntil: 0,
    rate: 0,
    metAt: 0,
    remaining: 0,
    unheard: { since: 0, spent: 0 },
  };
  purses.set(key, made);
  return made;
}

function meet(purse: Purse, now: number): void {
  purse.rate = purse.rate * Math.exp(-(now - purse.metAt) / RATE_MS) + 1_000 / RATE_MS;
  purse.metAt = now;
}

function hasToken({ lease, left }: Purse, now: number): boolean {
  return lease !== null && left > 0 && now < lease.endsAt;
}

/** The old lease is given back with the ask: whoever else runs here spends of it no more. */
function askFor(purse: Purse, { key, policy }: Limit): Ask {
  if (purse.lease) purse.returns.push({ id: purse.lease.id, unspent: purse.left });
  purse.lease = null;
  purse.left = 0;
  return { key, policy, rate: purse.rate, need: 1, id: newId("lease"), returns: purse.returns };
}

function receive(
  purses: Lru<Purse>,
  limits: readonly Limit[],
  asks: readonly Ask[],
  loan: Loan,
  askedAt: number,
): void {
  limits.forEach((limit, index) => {
    const purse = purseOf(purses, limit);
    const told = new Set(asks[index]?.returns.map(({ id }) => id));
    purse.returns = purse.returns.filter(({ id }) => !told.has(id));
    purse.unheard = { since: 0, spent: 0 };
    if ("refusals" in loan) {
      const refusal = loan.refusals.find(({ key }) => key === limit.key);
      if (refusal) purse.refusedUntil = askedAt + refusal.retryInMs;
      return;
    }
    const lease = loan.leases[index];
    if (!lease) return;
    // Two that asked at once have two leases; one is spent, the other goes back.
    if (purse.lease) purse.returns.push({ id: purse.lease.id, unspent: purse.left });
    purse.lease = { id: lease.id, endsAt: askedAt + lease.lifeMs };
    purse.left = lease.tokens;
    purse.remaining = lease.remaining;
  });
}

function spend(purses: Lru<Purse>, limits: readonly Limit[], now: number): Verdict {
  for (const limit of limits) purseOf(purses, limit).left -= 1;
  return verdict(purses, limits, now, []);
}

/** The object does not answer: a little is admitted all the same, never without limit. */
function spendUnheard(purses: Lru<Purse>, limits: readonly Limit[], now: number): Verdict {
  const without = limits.filter((limit) => !hasToken(purseOf(purses, limit), now));
  const over = without.filter((limit) => {
    const { unheard } = purseOf(purses, limit);
    const { limit: tokens, windowMs } = limit.policy;
    if (now - unheard.since >= windowMs) Object.assign(unheard, { since: now, spent: 0 });
    return unheard.spent >= Math.max(1, Math.floor(tokens * UNHEARD_SHARE));
  });
  if (over.length > 0) return verdict(purses, limits, now, over);
  for (const limit of limits) {
    const purse = purseOf(purses, limit);
    if (without.includes(limit)) purse.unheard.spent += 1;
    else purse.left -= 1;
  }
  return verdict(purses, limits, now, []);
}

function verdict(
  purses: Lru<Purse>,
  limits: readonly Limit[],
  now: number,
  violated: readonly Limit[],
): Verdict {
  return {
    admitted: violated.length === 0,
    limits: limits.map((limit) => {
      const purse = purseOf(purses, limit);
      const isViolated = violated.includes(limit);
      return {
        limit,
        remaining: isViolated ? 0 : Math.max(0, purse.remaining + purse.left),
        resetMs: isViolated ? Math.max(1, purse.refusedUntil - now) : limit.policy.windowMs,
        violated: isViolated,
      };
    }),
  };
}
