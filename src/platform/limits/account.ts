import {
  counted,
  emptyLedger,
  forget,
  freeAt,
  type LedgerState,
  lend,
  type Policy,
  settle,
} from "./ledger.ts";

/** What an isolate asks of one limit. */
export interface Ask {
  /** Names the limit, such as `tenant` or `user:user_01h…`. */
  readonly key: string;
  readonly policy: Policy;
  /** Requests a second that the isolate has met lately: what a lease is sized to. */
  readonly rate: number;
  /** Tokens that are needed now. */
  readonly need: number;
  /** Id for the new lease; made by the asker, so that a lost answer can be settled. */
  readonly id: string;
  /** Earlier leases, with what is left of them. */
  readonly returns: readonly { readonly id: string; readonly unspent: number }[];
}

/**
 * For each ask a lease, or for those that stand in the way when to come back. Times are from now on:
 * the clocks of an object and of an isolate need not agree.
 */
export type Loan =
  | {
      readonly leases: readonly {
        readonly id: string;
        readonly tokens: number;
        readonly lifeMs: number;
        /** Tokens that are free after this loan. */
        readonly remaining: number;
      }[];
    }
  | { readonly refusals: readonly { readonly key: string; readonly retryInMs: number }[] };

/** Lease lives: long while usage is low, short near the limit, as shares of the window and in ms. */
const LONG = { share: 1 / 60, atMost: 10_000 };
const SHORT = { share: 1 / 200, atMost: 1_000 };
/** Usage from which leases are short. */
const NEAR = 0.5;

/** All limits that one object keeps. */
export type Accounts = Map<string, LedgerState>;

/**
 * Lends tokens of every limit that is asked for, or of none: a refused request costs nothing.
 * Settling what comes back is never refused.
 */
export function lendAll(accounts: Accounts, asks: readonly Ask[], now: number): Loan {
  for (const { key, policy, returns } of asks) {
    const state = accounts.get(key) ?? emptyLedger();
    accounts.set(key, state);
    for (const lease of returns) settle(state, policy, now, lease);
    forget(state, policy, now);
  }
  const refusals = asks.flatMap(({ key, policy, need }) => {
    const state = accounts.get(key) ?? emptyLedger();
    const free = policy.limit - counted(state);
    return free >= need ? [] : [{ key, retryInMs: freeAt(state, policy, now) - now }];
  });
  if (refusals.length > 0) return { refusals };
  const leases = asks.map(({ key, policy, need, rate, id }) => {
    const state = accounts.get(key) ?? emptyLedger();
    const { limit, windowMs } = policy;
    const used = counted(state);
    const { share, atMost } = used < NEAR * limit ? LONG : SHORT;
    const lifeMs = Math.min(windowMs * share, atMost);
    // Half of what is free stays for the others.
    const most = Math.max(need, Math.floor((limit - used) / 2));
    const tokens = Math.min(most, Math.max(need, Math.ceil((rate * lifeMs) / 1_000)));
    lend(state, { id, tokens, endsAt: now + lifeMs });
    return { id, tokens, lifeMs, remaining: limit - counted(state) };
  });
  return { leases };
}
