import { expect, test } from "vitest";
import { type Account, type Ask, lendAll } from "../../../src/platform/limits/account.ts";
import { counted } from "../../../src/platform/limits/ledger.ts";

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
  expect(lendOf(accounts, ask(), START - 10 * MINUTE)).toBeUndefined();
  // Otherwise this lease would have come to its end long before its time.
  expect(accounts.get("tenant")?.latest).toBe(START);
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
