import type { Lru } from "../lru.ts";
import type { Ask, Loan } from "./account.ts";
import {
  askFor,
  follow,
  hasToken,
  isLow,
  type Limit,
  leftIn,
  meet,
  notHeard,
  type Purse,
  purseOf,
  receive,
  receiveRefusal,
  refusedUntil,
  spendOne,
} from "./purses.ts";
import { hasUnheard, spendUnheard } from "./unheard.ts";

export interface Verdict {
  readonly admitted: boolean;
  /** Whether the object did not answer: a refusal is then no word about the caller. */
  readonly unheard: boolean;
  /** For each limit what is left, and when there is more, in ms from now. */
  readonly limits: readonly {
    readonly limit: Limit;
    readonly remaining: number;
    readonly resetMs: number;
    readonly violated: boolean;
  }[];
}

/** The way to the object that keeps the accounts, and the isolate's clock. */
export interface World {
  /** May be called twice for one question. */
  readonly ask: (asks: readonly Ask[]) => Promise<Loan>;
  /** Ms; need agree with no other clock. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

/** A limit, with what this isolate has of it. */
interface Held {
  readonly limit: Limit;
  readonly purse: Purse;
}

/** Questions per request: a lease may be over when its answer comes late. */
const TRIES = 3;

/**
 * Spends one token of every limit, or of none. Tokens come from leases, so most requests ask nobody;
 * and where the object has said when there will be more, refusing asks nobody either.
 */
export async function takeFrom(
  purses: Lru<Purse>,
  account: string,
  limits: readonly Limit[],
  world: World,
): Promise<Verdict> {
  const held = limits.map((limit) => ({ limit, purse: purseOf(purses, account, limit) }));
  for (const { purse } of held) meet(purse, world.now());
  for (let tries = 0; ; tries++) {
    const now = world.now();
    for (const { limit, purse } of held) follow(purse, limit.policy);
    const refused = held.filter(({ purse }) => refusedUntil(purse, now) > 0);
    if (refused.length > 0) return refusal(held, refused, now);
    const empty = held.filter(({ purse }) => !hasToken(purse, now));
    const isSilent = tries === TRIES || empty.some(({ purse }) => purse.silentUntil > now);
    if (empty.length > 0 && isSilent) return takeUnheard(held, now);
    const low = toTopUp(held, now, empty.length > 0);
    if (empty.length === 0 && (low.length === 0 || tries > 0)) return admission(held, now);
    await askObject([...empty, ...low], world, now);
  }
}

/** Who has a token, but not for long: one question may as well provide for all. */
function toTopUp(held: readonly Held[], now: number, asksAnyway: boolean): readonly Held[] {
  return held.filter(
    ({ purse }) =>
      hasToken(purse, now) &&
      purse.silentUntil <= now &&
      isLow(purse, now, asksAnyway ? "anyway" : "early"),
  );
}

async function askObject(asked: readonly Held[], world: World, askedAt: number): Promise<void> {
  const asks = asked.map(({ purse, limit }) => askFor(purse, limit, askedAt));
  const each = asked.flatMap(({ purse }, index) => {
    const ask = asks[index];
    return ask ? [{ purse, ask, index }] : [];
  });
  try {
    const loan = await world.ask(asks);
    for (const { purse, ask, index } of each) {
      const lease = "leases" in loan ? loan.leases[index] : undefined;
      if (lease) receive(purse, ask, lease, { askedAt, now: world.now() });
      if (!("refusals" in loan)) continue;
      const refused = loan.refusals.find(({ key }) => key === ask.key);
      receiveRefusal(purse, ask, refused?.retryInMs, world.now());
    }
  } catch (error) {
    world.onError(error);
    for (const { purse, ask } of each) notHeard(purse, ask, world.now());
  }
}

function admission(held: readonly Held[], now: number): Verdict {
  for (const { purse } of held) spendOne(purse, now);
  return { admitted: true, unheard: false, limits: held.map((one) => standing(one, now)) };
}

function refusal(held: readonly Held[], refused: readonly Held[], now: number): Verdict {
  const limits = held.map((one) =>
    refused.includes(one) ? violation(one, refusedUntil(one.purse, now) - now) : standing(one, now),
  );
  return { admitted: false, unheard: false, limits };
}

/** The object does not answer: a little is admitted all the same, never without limit. */
function takeUnheard(held: readonly Held[], now: number): Verdict {
  const without = held.filter(({ purse }) => !hasToken(purse, now));
  const over = without.filter(({ purse }) => !hasUnheard(purse, now));
  if (over.length === 0) {
    for (const one of held) {
      if (without.includes(one)) spendUnheard(one.purse, now);
      else spendOne(one.purse, now);
    }
  }
  const limits = held.map((one) =>
    over.includes(one) ? violation(one, one.purse.silentUntil - now) : standing(one, now),
  );
  return { admitted: over.length === 0, unheard: true, limits };
}

function standing({ limit, purse }: Held, now: number): Verdict["limits"][number] {
  const remaining = purse.remaining + leftIn(purse, now);
  return { limit, remaining, resetMs: limit.policy.windowMs, violated: false };
}

function violation({ limit }: Held, waitMs: number): Verdict["limits"][number] {
  return { limit, remaining: 0, resetMs: Math.max(1, Math.ceil(waitMs)), violated: true };
}
