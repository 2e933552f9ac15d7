import { newId } from "../ids.ts";
import type { Lru } from "../lru.ts";
import type { Ask, LentLease } from "./account.ts";
import {
  DRIFT,
  emptyLedger,
  type LeaseReturn,
  type LedgerState,
  type Policy,
  stepOf,
} from "./ledger.ts";

/** A limit that a request has to pass. */
export interface Limit {
  /** Name in headers, such as `tenant`. */
  readonly name: string;
  /** Names the account in its object, such as `user:user_01h…`. */
  readonly key: string;
  readonly policy: Policy;
}

/** A lease that is being spent. Times are the isolate's, in ms. */
interface HeldLease {
  readonly id: string;
  readonly tokens: number;
  readonly askedAt: number;
  readonly endsAt: number;
  left: number;
  readonly spent: { readonly afterMs: number; tokens: number }[];
}

/** What an isolate knows of one account. Plain data: it outlives the request that made it. */
export interface Purse {
  readonly id: string;
  /** What its leases and its refusal came under. */
  policy: Policy;
  leases: HeldLease[];
  /** Leases that are over; told with the next question. */
  returns: LeaseReturn[];
  /** Until when the object need not be asked: it would refuse. */
  refusedUntil: number;
  /** Whether it refused the last time. */
  waited: boolean;
  /** Requests a second, lately. */
  rate: number;
  metAt: number;
  /** Free tokens of the account when last heard of. */
  remaining: number;
  /** Until when somebody else is taken to be asking for more. */
  askingUntil: number;
  /** Until when the object is not asked since it did not answer. */
  silentUntil: number;
  /** What was admitted while it did not. */
  unheard: LedgerState;
}

/** Over how long the rate is averaged, in ms. */
const RATE_MS = 2_000;
/** How long a question takes, as a rule: so much before the end, somebody asks for more. */
const AHEAD_MS = 50;
/** Requests a second from which on many come while one asks. */
const CROWD = 40;
/** For how long nobody else asks for more, in ms: whoever asks may come to an end meanwhile. */
const ASKING_MS = 500;
/** Share of a lease below which more is asked for, early and when a question is asked anyway. */
const LOW = { early: 1 / 4, anyway: 1 / 2 };
/** For how long an object that did not answer is not asked again, in ms. */
const SILENT_MS = 1_000;
/** Leases that wait to be told of. Of more, the oldest count until their time is over. */
const RETURNS = 64;

/** The purse for a limit. What came under another policy is given back or forgotten. */
export function purseOf(purses: Lru<Purse>, account: string, { key, policy }: Limit): Purse {
  const name = `${account} ${key}`;
  const known = purses.get(name);
  if (known) return follow(known, policy);
  const opened: Purse = {
    id: newId("lease"),
    policy,
    leases: [],
    returns: [],
    refusedUntil: 0,
    waited: false,
    rate: 0,
    metAt: 0,
    remaining: 0,
    askingUntil: 0,
    silentUntil: 0,
    unheard: emptyLedger(),
  };
  purses.set(name, opened);
  return opened;
}

/** The purse for a limit if there is one already: looking must not drive others out. */
export function knownPurse(
  purses: Lru<Purse>,
  account: string,
  { key, policy }: Limit,
): Purse | undefined {
  const known = purses.get(`${account} ${key}`);
  return known && isSame(known.policy, policy) ? known : undefined;
}

/** Has a changed policy count at once. */
export function follow(purse: Purse, policy: Policy): Purse {
  if (isSame(purse.policy, policy)) return purse;
  giveBack(purse, purse.leases);
  return Object.assign(purse, { policy, leases: [], refusedUntil: 0, waited: false });
}

/** Counts a request. */
export function meet(purse: Purse, now: number): void {
  const ago = Math.max(0, now - purse.metAt);
  purse.rate = purse.rate * Math.exp(-ago / RATE_MS) + 1_000 / RATE_MS;
  purse.metAt = now;
}

export function hasToken({ leases }: Purse, now: number): boolean {
  return leases.some((lease) => isLive(lease, now));
}

/** Tokens that can be spent. */
export function leftIn({ leases }: Purse, now: number): number {
  return leases.reduce((sum, lease) => sum + (isLive(lease, now) ? lease.left : 0), 0);
}

/** Until when the object would refuse, as far as is known here; 0 when it may lend. */
export function refusedUntil(purse: Purse, now: number): number {
  if (hasToken(purse, now)) return 0;
  if (purse.refusedUntil > now) return purse.refusedUntil;
  // One asks whether it still holds. A crowd does not ask along, or a refusal would cost many calls.
  const isCrowd = purse.waited && purse.rate >= CROWD;
  return isCrowd && purse.askingUntil > now ? purse.askingUntil : 0;
}

/** Whether more tokens are wanted soon, and nobody asks for them. */
export function isLow(purse: Purse, now: number, share: keyof typeof LOW): boolean {
  if (purse.askingUntil > now || purse.refusedUntil > now) return false;
  const left = leftIn(purse, now + AHEAD_MS);
  const lent = purse.leases.reduce((sum, lease) => sum + lease.tokens, 0);
  const spentAhead = Math.floor((purse.rate * AHEAD_MS) / 1_000);
  return share === "anyway"
    ? left <= lent * LOW.anyway
    : left <= Math.min(spentAhead, lent * LOW.early);
}

/** What to ask the object. Leases that are over go back with it. */
export function askFor(purse: Purse, { key, policy }: Limit, now: number): Ask {
  giveBack(
    purse,
    purse.leases.filter((lease) => !isLive(lease, now)),
  );
  purse.leases = purse.leases.filter((lease) => isLive(lease, now));
  purse.askingUntil = now + ASKING_MS;
  const { id: holder, rate, waited } = purse;
  const have = leftIn(purse, now);
  const need = have > 0 ? 0 : 1;
  const returns = [...purse.returns];
  return { key, policy, rate, need, have, waited, holder, id: newId("lease"), returns };
}

/** Takes a lease in. It counts from before the question, so that it never lasts longer here. */
export function receive(
  purse: Purse,
  ask: Ask,
  lent: LentLease,
  { askedAt, now }: { readonly askedAt: number; readonly now: number },
): void {
  heard(purse, ask);
  const { id, tokens, lifeMs, remaining, retryInMs } = lent;
  purse.remaining = remaining;
  if (retryInMs !== undefined) {
    refuse(purse, ask, retryInMs, now);
    return;
  }
  if (tokens === 0) {
    // There is enough for now; the next one need not ask that again.
    purse.askingUntil = now + ASKING_MS;
    purse.waited = false;
    return;
  }
  const endsAt = askedAt + lifeMs * (1 - 2 * DRIFT);
  const lease = { id, tokens, askedAt, endsAt, left: tokens, spent: [] };
  if (!isSame(ask.policy, purse.policy)) {
    giveBack(purse, [lease]);
    return;
  }
  purse.leases.push(lease);
  purse.waited = false;
  purse.refusedUntil = 0;
}

/** Takes in that nothing was lent, for want of this limit's tokens or of another's. */
export function receiveRefusal(
  purse: Purse,
  ask: Ask,
  retryInMs: number | undefined,
  now: number,
): void {
  heard(purse, ask);
  if (retryInMs !== undefined) refuse(purse, ask, retryInMs, now);
}

function refuse(purse: Purse, { policy }: Ask, retryInMs: number, now: number): void {
  if (!isSame(policy, purse.policy)) return;
  // Counted from the answer on and by a clock that may be fast: who waits shall not come too early.
  purse.refusedUntil = now + Math.ceil(retryInMs * (1 + 2 * DRIFT)) + 1;
  purse.waited = true;
}

/** The object did not answer. Should it have lent, the lease goes back unspent. */
export function notHeard(purse: Purse, ask: Ask, now: number): void {
  purse.returns = [...purse.returns, { id: ask.id, spent: [] }].slice(-RETURNS);
  purse.askingUntil = 0;
  purse.silentUntil = now + SILENT_MS;
}

/** Spends a token of a lease; there must be one. */
export function spendOne(purse: Purse, now: number): void {
  const lease = purse.leases.find((held) => isLive(held, now));
  if (!lease) return;
  lease.left -= 1;
  const step = stepOf(purse.policy);
  const afterMs = Math.ceil(Math.max(0, now - lease.askedAt) / step) * step;
  const last = lease.spent.at(-1);
  if (last?.afterMs === afterMs) last.tokens += 1;
  else lease.spent.push({ afterMs, tokens: 1 });
}

function isSame(one: Policy, other: Policy): boolean {
  return one.limit === other.limit && one.windowMs === other.windowMs;
}

function isLive({ left, endsAt }: HeldLease, now: number): boolean {
  return left > 0 && now < endsAt;
}

function giveBack(purse: Purse, leases: readonly HeldLease[]): void {
  const over = leases.map(({ id, spent }) => ({ id, spent }));
  purse.returns = [...purse.returns, ...over].slice(-RETURNS);
}

function heard(purse: Purse, { returns }: Ask): void {
  const told = new Set(returns.map(({ id }) => id));
  purse.returns = purse.returns.filter(({ id }) => !told.has(id));
  purse.askingUntil = 0;
  purse.silentUntil = 0;
}
