import { expect, test } from "vitest";
import {
  type Account,
  type Ask,
  HOSTS_APART_MS,
  lendAll,
  loaded,
} from "../../../src/platform/limits/account.ts";
import {
  counted,
  DRIFT,
  emptyLedger,
  forget,
  lend,
  settle,
  spend,
} from "../../../src/platform/limits/ledger.ts";

const MINUTE = 60_000;
const START = 1_000_000;
let made = 0;

function ask(changes: Partial<Ask> = {}): Ask {
  const policy = { limit: 5, windowMs: MINUTE };
  const none = { rate: 1, need: 1, have: 0, waited: false, holder: "one", returns: [] };
  return { key: "tenant", policy, id: `lease_${made++}`, ...none, ...changes };
}

function lendOf(accounts: Map<string, Account>, one: Ask, now = START) {
  const loan = lendAll(accounts, [one], now);
  return "leases" in loan ? loan.leases[0] : undefined;
}

function retryOf(accounts: Map<string, Account>, one: Ask, now = START): number {
  const loan = lendAll(accounts, [one], now);
  if ("leases" in loan) throw new Error("It was lent.");
  return loan.refusals[0]?.retryInMs ?? 0;
}

test("a loan that is asked for twice is made once", () => {
  const accounts = new Map<string, Account>();
  const once = ask();
  const first = lendOf(accounts, once);
  const again = lendOf(accounts, once, START + 100);
  expect(again).toMatchObject({ tokens: 1, remaining: 4 });
  // It ends when it would have ended.
  expect(again?.lifeMs).toBe((first?.lifeMs ?? 0) - 100);
});

test("also the last one, when nothing is free any more", () => {
  const accounts = new Map<string, Account>();
  for (let nth = 0; nth < 4; nth++) lendOf(accounts, ask());
  const last = ask();
  expect(lendOf(accounts, last)?.remaining).toBe(0);
  expect(lendOf(accounts, last)?.tokens).toBe(1);
  expect(lendOf(accounts, ask())).toBeUndefined();
});

test("a lease that comes back twice is credited once", () => {
  const accounts = new Map<string, Account>();
  const policy = { limit: 1_000, windowMs: MINUTE };
  const lent = ask({ policy, rate: 100 });
  expect(lendOf(accounts, lent)?.tokens).toBeGreaterThan(10);
  const returns = [{ id: lent.id, spent: [{ afterMs: 5, tokens: 3 }] }];
  expect(lendOf(accounts, ask({ policy, rate: 0, returns }))?.remaining).toBe(996);
  expect(lendOf(accounts, ask({ policy, rate: 0, returns }))?.remaining).toBe(995);
});

test("a token counts for a window from when it was spent, not from when it was lent", () => {
  const accounts = new Map<string, Account>();
  const policy = { limit: 1_000, windowMs: MINUTE };
  const lent = ask({ policy, rate: 1 });
  lendOf(accounts, lent);
  const returns = [{ id: lent.id, spent: [{ afterMs: 20_000, tokens: 7 }] }];
  lendAll(accounts, [ask({ policy, need: 0, rate: 0, returns })], START + 25_000);
  const countedAt = (now: number) => {
    lendAll(accounts, [ask({ policy, need: 0, rate: 0 })], now);
    const account = accounts.get("tenant");
    return account && counted(account);
  };
  expect(countedAt(START + 20_000 + MINUTE)).toBe(7);
  expect(countedAt(START + 20_500 + MINUTE)).toBe(0);
});

test("all or none: what one limit refuses costs the others nothing", () => {
  const accounts = new Map<string, Account>();
  const user = { key: "user", policy: { limit: 1, windowMs: MINUTE } };
  expect(lendAll(accounts, [ask(), ask(user)], START)).toHaveProperty("leases");
  const refused = lendAll(accounts, [ask(), ask(user)], START);
  expect(refused).toMatchObject({ refusals: [{ key: "user" }] });
  expect(lendOf(accounts, ask())?.remaining).toBe(3);
});

test("who comes back when told is served, and not a moment too early", () => {
  const accounts = new Map<string, Account>();
  for (let nth = 0; nth < 5; nth++) lendOf(accounts, ask({ holder: `${nth}` }));
  const retryInMs = retryOf(accounts, ask({ holder: "late" }));
  expect(retryInMs).toBeGreaterThan(MINUTE);
  expect(lendOf(accounts, ask({ holder: "other" }), START + MINUTE)).toBeUndefined();
  expect(lendOf(accounts, ask({ holder: "late" }), START + retryInMs)?.tokens).toBe(1);
});

test("those who are refused on a large policy come back one after another", () => {
  const accounts = new Map<string, Account>();
  const policy = { limit: 1_000, windowMs: MINUTE };
  for (let nth = 0; nth < 1_000; nth++) {
    const returns = [{ id: `lease_${made - 1}`, spent: [{ afterMs: 0, tokens: 1 }] }];
    lendOf(accounts, ask({ policy, rate: 0, waited: true, returns }), START + nth * 30);
  }
  const at = START + 30_000;
  const times = ["a", "b", "c"].map((holder) =>
    retryOf(accounts, ask({ policy, rate: 100, holder }), at),
  );
  expect(new Set(times).size).toBe(3);
  // Asking again gets no later time.
  expect(retryOf(accounts, ask({ policy, rate: 100, holder: "a" }), at)).toBe(times[0]);
});

test("a clock that is set back frees nothing", () => {
  const accounts = new Map<string, Account>();
  for (let nth = 0; nth < 5; nth++) lendOf(accounts, ask());
  expect(lendOf(accounts, ask(), START - MINUTE)).toBeUndefined();
  // Otherwise this lease would have come to its end long before its time.
  expect(accounts.get("tenant")?.latest).toBe(START);
});

/** A window of which a step is 100 ms, so that it shows when a time is not rounded up. */
const ROUND = { limit: 1_000, windowMs: 51_200 };

test("a token counts for a window by the fastest of clocks, whatever part of a ms it hides", () => {
  const state = emptyLedger();
  spend(state, ROUND, 100_000, 3);
  const byTheFastest = 100_000 + ROUND.windowMs * (1 + DRIFT);
  // A moment is up to 1 ms later than its reading: the first by so much, the last by nothing.
  forget(state, ROUND, byTheFastest + 1);
  expect(counted(state)).toBe(3);
  forget(state, ROUND, byTheFastest + 2);
  expect(counted(state)).toBe(0);
});

test("what the slowest of clocks says was spent is not taken to be earlier than it was", () => {
  const state = emptyLedger();
  lend(state, ROUND, { id: "lease", tokens: 9, from: 100_000, endsAt: 125_600 });
  // By the object's clock at least 20,020 ms have passed when the holder's shows 20,000 of them.
  settle(state, ROUND, 130_000, { id: "lease", spent: [{ afterMs: 20_000, tokens: 4 }] });
  expect(state.spent).toEqual([{ at: 120_100, tokens: 4 }]);
});

test("what another instance wrote counts longer by as much as hosts' clocks are apart", () => {
  const accounts = new Map<string, Account>();
  const lent = ask();
  lendOf(accounts, lent);
  lendOf(accounts, ask({ returns: [{ id: lent.id, spent: [{ afterMs: 0, tokens: 1 }] }] }));
  const account = accounts.get("tenant");
  if (!account) throw new Error("There is no account.");
  const written = structuredClone({ account, writtenBy: "one" });
  expect(loaded(structuredClone(written), "one")).toEqual(account);
  const moved = loaded(structuredClone(written), "other");
  const times = ({ leases, spent }: Account) => [
    ...leases.flatMap(({ from, endsAt }) => [from, endsAt]),
    ...spent.map(({ at }) => at),
  ];
  expect(times(moved)).toEqual(times(account).map((time) => time + HOSTS_APART_MS));
  expect(times(moved)).toHaveLength(3);
});

test("a clock that was far ahead once does not refuse until it has come so far again", () => {
  const accounts = new Map<string, Account>();
  const day = 24 * 60 * MINUTE;
  for (let nth = 0; nth < 5; nth++) lendOf(accounts, ask(), START + day);
  // What was lent is no older for that, and counts for a window yet.
  expect(lendOf(accounts, ask(), START)).toBeUndefined();
  const retryInMs = retryOf(accounts, ask(), START);
  expect(retryInMs).toBeGreaterThan(MINUTE);
  expect(retryInMs).toBeLessThan(2 * MINUTE);
  expect(lendOf(accounts, ask(), START + MINUTE)).toBeUndefined();
  expect(lendOf(accounts, ask(), START + retryInMs)?.tokens).toBe(1);
});

test("each account has its own time: one that is ahead makes the others no older", () => {
  const accounts = new Map<string, Account>();
  const policy = { limit: 1, windowMs: 1_000 };
  lendOf(accounts, ask({ key: "ahead" }), START + 30_000);
  expect(lendOf(accounts, ask({ key: "other", policy }), START)?.tokens).toBe(1);
  const both = [ask({ key: "ahead" }), ask({ key: "other", policy })];
  expect(lendAll(accounts, both, START + 1)).toMatchObject({ refusals: [{ key: "other" }] });
});

test("the rows of an account stay few, however many leases are lost", () => {
  const accounts = new Map<string, Account>();
  const policy = { limit: 1_000_000, windowMs: MINUTE };
  for (let nth = 0; nth < 3_000; nth++) {
    lendOf(accounts, ask({ policy, rate: 10, holder: `${nth}` }), START + nth * 15);
  }
  const account = accounts.get("tenant");
  expect(account?.leases.length).toBe(256);
  expect(JSON.stringify(account).length).toBeLessThan(100_000);
  // What is no longer known one by one counts all the same.
  expect(account && counted(account)).toBeGreaterThanOrEqual(3_000);
});

const NONSENSE = [
  0,
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1e308,
  0.5,
];

test.for(NONSENSE)("a setting of %d harms nothing", (value) => {
  const accounts = new Map<string, Account>();
  const policies = [
    { limit: value, windowMs: MINUTE },
    { limit: 5, windowMs: value },
    { limit: value, windowMs: value },
  ];
  for (const policy of policies) {
    for (const rate of [1, value]) {
      for (const have of [0, value]) {
        const returns = [{ id: `lease_${made - 1}`, spent: [{ afterMs: value, tokens: value }] }];
        const loan = lendAll(accounts, [ask({ policy, rate, have, returns })], START);
        const told = "leases" in loan ? loan.leases : loan.refusals;
        expect(JSON.stringify(told)).not.toContain("null");
        if (value <= 0 && policy.limit === value) expect(loan).toHaveProperty("refusals");
      }
    }
  }
  const account = accounts.get("tenant");
  expect(account && Number.isFinite(counted(account))).toBe(true);
  // And it is as sane as ever when the settings are.
  const sane = ask();
  expect(lendOf(new Map(), sane)?.tokens).toBe(1);
  const later = START + 40 * 86_400_000;
  expect(lendOf(accounts, ask(), later)?.remaining).toBe(4);
});

test("a question without answers to give is answered", () => {
  expect(lendAll(new Map(), [], START)).toEqual({ leases: [] });
});
