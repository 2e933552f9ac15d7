import { type Demand, isLarge, leaseSize, pauseFor } from "./lease-size.ts";
import {
  counted,
  emptyLedger,
  forget,
  freeAt,
  type LeaseReturn,
  type LedgerState,
  lend,
  type Policy,
  settle,
  shift,
} from "./ledger.ts";

/** What an isolate asks of one limit. */
export interface Ask extends Demand {
  /** Names the limit, such as `tenant` or `user:user_01h…`. */
  readonly key: string;
  readonly policy: Policy;
  /** Whether the isolate was refused the last time, and has waited: it takes what there is. */
  readonly waited: boolean;
  /** Names the purse that asks, so that one that asks many times at once waits once. */
  readonly holder: string;
  /** Id for the new lease; made by the asker, so that a lost answer can be settled. */
  readonly id: string;
  /** Leases that are over. */
  readonly returns: readonly LeaseReturn[];
}

/** A lease as its holder gets it. */
export interface LentLease {
  readonly id: string;
  readonly tokens: number;
  readonly lifeMs: number;
  /** Tokens that are free after this loan. */
  readonly remaining: number;
  /** When to come back, where none are needed yet and none are lent. */
  readonly retryInMs?: number;
}

/**
 * For each ask a lease, or for those that stand in the way when to come back. Times are from now on:
 * the clocks of an object and of an isolate need not agree.
 */
export type Loan =
  | { readonly leases: readonly LentLease[] }
  | { readonly refusals: readonly { readonly key: string; readonly retryInMs: number }[] };

/** What an object remembers of one limit, as plain data. */
export interface Account extends LedgerState {
  /** As of the last question: says for how long tokens count. */
  policy: Policy;
  /** The latest time that this account has seen: a clock that is set back stands still. */
  latest: number;
  waiting: Waiting[];
}

/** A refused isolate: when it comes back, what for, and what it leaves lying until then. */
interface Waiting {
  readonly holder: string;
  readonly until: number;
  readonly tokens: number;
  readonly idle: number;
}

/** How an account lies in storage. */
export interface StoredAccount {
  readonly account: Account;
  /** Names the instance of the object that wrote it last. */
  readonly writtenBy: string;
}

/** All limits that one object keeps. */
export interface Accounts {
  get(key: string): Account | undefined;
  set(key: string, account: Account): void;
}

/** An object may wake up on another host. The clocks of two hosts are less than this apart, in ms. */
export const HOSTS_APART_MS = 100;
/** Refused isolates that are remembered; more than these come back together. */
const WAITING = 128;

/**
 * Lends tokens of every limit that is asked for, or of none: a refused request costs nothing.
 * Settling what comes back is never refused, and a loan that is asked for again is made once.
 */
export function lendAll(accounts: Accounts, asks: readonly Ask[], clock: number): Loan {
  const asked = asks.map(sane).map((ask) => {
    const account = accountOf(accounts, ask);
    return { ...ask, account, now: timeOf(account, clock) };
  });
  for (const { account, policy, returns, now } of asked) {
    account.policy = policy;
    for (const lease of returns) settle(account, policy, now, lease);
    forget(account, policy, now);
    account.waiting = account.waiting.filter(({ until }) => until > now);
  }
  const refusals = asked
    .filter((ask) => ask.need > 0 && !canLend(ask))
    .map((ask) => ({ key: ask.key, retryInMs: comeBackIn(ask) }));
  if (refusals.length > 0) return { refusals };
  return { leases: asked.map((ask) => lendOne(ask)) };
}

/** With the time that it is for the account. */
type Asked = Ask & { readonly account: Account; readonly now: number };

function canLend(ask: Asked): boolean {
  const { account, policy, id, need, waited } = ask;
  if (account.leases.some((lease) => lease.id === id)) return true;
  const used = counted(account);
  // In drops and drabs, a busy isolate would ask for every token.
  const { tokens } = leaseSize(policy, used, ask);
  const least = isLarge(policy) && !waited ? Math.max(need, Math.ceil(tokens / 2)) : need;
  return policy.limit - used >= Math.max(1, least);
}

function lendOne(ask: Asked): LentLease {
  const { account, policy, id, now } = ask;
  const before = account.leases.find((lease) => lease.id === id);
  if (before) return lent(ask, before.tokens, Math.max(0, before.endsAt - now));
  const used = counted(account);
  const { tokens: wanted, lifeMs } = leaseSize(policy, used, ask);
  if (wanted < 1) return lent(ask, 0, 0);
  const tokens = canLend(ask) ? Math.min(wanted, policy.limit - used) : 0;
  if (tokens < 1) return { ...lent(ask, 0, 0), retryInMs: comeBackIn(ask) };
  lend(account, policy, { id, tokens, from: now, endsAt: now + lifeMs });
  return lent(ask, tokens, lifeMs);
}

function lent({ account, policy, id }: Asked, tokens: number, lifeMs: number): LentLease {
  return { id, tokens, lifeMs, remaining: Math.max(0, policy.limit - counted(account)) };
}

/** Those who get nothing are called back one by one, as tokens for them come free. In ms. */
function comeBackIn(ask: Asked): number {
  const { account, policy, holder, rate, now } = ask;
  const told = account.waiting.find((other) => other.holder === holder);
  if (told) return Math.ceil(told.until - now);
  const pauseMs = pauseFor(policy, ask, sumOf(account.waiting, "idle"));
  const need = Math.max(1, ask.need);
  const { tokens } = isLarge(policy)
    ? leaseSize(policy, counted(account), { ...ask, need })
    : { tokens: need };
  const ahead = sumOf(account.waiting, "tokens");
  const until = Math.max(now + pauseMs, freeAt(account, policy, now, ahead + tokens));
  if (isLarge(policy) && account.waiting.length < WAITING) {
    account.waiting.push({ holder, until, tokens, idle: (rate * pauseMs) / 1_000 });
  }
  return Math.ceil(until - now);
}

function sumOf(waiting: readonly Waiting[], what: "tokens" | "idle"): number {
  return waiting.reduce((sum, one) => sum + one[what], 0);
}

/**
 * An account out of storage. What another instance wrote may be by a clock that was behind: it counts
 * longer by as much as that can be.
 */
export function loaded({ account, writtenBy }: StoredAccount, instance: string): Account {
  if (writtenBy !== instance) shift(account, HOSTS_APART_MS);
  return account;
}

/**
 * What time it is for an account: a clock that is set back a little stands still. One that is more
 * than a window behind was wrong before, and would refuse for long: the account goes back with it.
 * Everything in it stays as old as it was, so this frees nothing.
 */
export function timeOf(account: Account, clock: number): number {
  const behindMs = account.latest - clock;
  if (behindMs > account.policy.windowMs) {
    shift(account, -behindMs);
    account.waiting = [];
    account.latest = clock;
  }
  account.latest = Math.max(account.latest, clock);
  return account.latest;
}

function accountOf(accounts: Accounts, { key, policy }: Ask): Account {
  const known = accounts.get(key);
  if (known) return known;
  const opened = { ...emptyLedger(), policy, latest: 0, waiting: [] };
  accounts.set(key, opened);
  return opened;
}

const LARGEST = { limit: 1e9, windowMs: 31 * 86_400_000, rate: 1e6, need: 1e3 };

/** Settings are checked where they are made; here they must only do no harm. */
function sane(ask: Ask): Ask {
  const { policy, rate, need, have } = ask;
  return {
    ...ask,
    policy: {
      limit: Math.floor(within(0, policy.limit, LARGEST.limit)),
      windowMs: within(1, policy.windowMs, LARGEST.windowMs),
    },
    rate: within(0, rate, LARGEST.rate),
    need: Math.ceil(within(0, need, LARGEST.need)),
    have: within(0, have, LARGEST.limit),
  };
}

/** What is no number is the least. */
function within(least: number, value: number, most: number): number {
  return value > least ? Math.min(value, most) : least;
}
