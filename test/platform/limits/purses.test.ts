import { expect, test } from "vitest";
import { type Account, type Ask, lendAll } from "../../../src/platform/limits/account.ts";
import { takeFrom, type Verdict } from "../../../src/platform/limits/lease-client.ts";
import { DRIFT, type Policy } from "../../../src/platform/limits/ledger.ts";
import type { Limit, Purse } from "../../../src/platform/limits/purses.ts";
import { createLru } from "../../../src/platform/lru.ts";
import { showFigures } from "../../support/figures.ts";
import { mostInAnyWindow } from "../../support/limit-oracle.ts";

const START = 1_000_000;

function limit(key: string, policy: Policy): Limit {
  return { name: key, key, policy };
}

const SMALL = limit("tenant", { limit: 5, windowMs: 10_000 });

/** Leases last half of this window while it is hardly used, and steps of it are 100 ms. */
const HALF = limit("tenant", { limit: 10_000, windowMs: 51_200 });

/** An object and an isolate beside it, with one clock that the test sets. */
function house() {
  const accounts = new Map<string, Account>();
  const purses = createLru<Purse>(100);
  const seen = { now: START, questions: [] as (readonly Ask[])[], errors: 0, silent: false };
  const takeAt = (limits: readonly Limit[], from = purses): Promise<Verdict> =>
    takeFrom(from, "account", limits, {
      now: () => seen.now,
      onError: () => {
        seen.errors += 1;
      },
      ask: async (asks) => {
        seen.questions.push(asks);
        if (seen.silent) throw new Error("The object is silent.");
        return lendAll(accounts, structuredClone(asks), seen.now);
      },
    });
  return { accounts, seen, take: takeAt, otherIsolate: () => createLru<Purse>(100) };
}

/** What a client reads: the longest of the times, in whole seconds. */
function retryAfter({ limits }: Verdict): number {
  return Math.max(
    ...limits.filter(({ violated }) => violated).map(({ resetMs }) => Math.ceil(resetMs / 1_000)),
  );
}

test("somebody alone sees the count go down to 0, is refused, waits and is admitted", async () => {
  const { seen, take } = house();
  for (const remaining of [4, 3, 2, 1, 0]) {
    const verdict = await take([SMALL]);
    expect(verdict).toMatchObject({ admitted: true, unheard: false, limits: [{ remaining }] });
    seen.now += 300;
  }
  const refused = await take([SMALL]);
  expect(refused).toMatchObject({ admitted: false, limits: [{ violated: true, remaining: 0 }] });
  const asked = seen.questions.length;
  seen.now += retryAfter(refused) * 1_000 - 1_000;
  expect((await take([SMALL])).admitted).toBe(false);
  // Until then the isolate knows.
  expect(seen.questions.length).toBe(asked);
  seen.now += 1_000;
  expect((await take([SMALL])).admitted).toBe(true);
});

test.for([
  [5, 5],
  [60, 5],
  [5, 1_500],
  [1_500, 1_200],
  [700, 60],
] as const)("somebody alone who waits is admitted, limits of %d and %d", async ([one, other]) => {
  const { seen, take } = house();
  const limits = [
    limit("tenant", { limit: one, windowMs: 10_000 }),
    limit("user", { limit: other, windowMs: 3_000 }),
    limit("service", { limit: 7, windowMs: 1_000 }),
  ];
  let refusals = 0;
  for (let nth = 0; nth < 3_000 && refusals < 300; nth++) {
    // From all limits, from two or from one.
    const passes = limits.slice(0, 1 + (nth % 3));
    const verdict = await take(passes);
    seen.now += nth % 7;
    if (verdict.admitted) continue;
    refusals += 1;
    seen.now += retryAfter(verdict) * 1_000;
    expect((await take(passes)).admitted, `after refusal ${refusals}`).toBe(true);
  }
  expect(refusals).toBeGreaterThan(0);
});

test("a refusal that many meet costs one question", async () => {
  const { seen, take } = house();
  for (let nth = 0; nth < 5; nth++) await take([SMALL]);
  const before = seen.questions.length;
  for (let nth = 0; nth < 1_000; nth++) expect((await take([SMALL])).admitted).toBe(false);
  expect(seen.questions.length - before).toBe(1);
});

test("a refused request costs the other limits nothing", async () => {
  const { seen, take } = house();
  const wide = limit("tenant", { limit: 100, windowMs: 60_000 });
  const narrow = limit("user", { limit: 2, windowMs: 60_000 });
  for (let nth = 0; nth < 50; nth++) await take([wide, narrow]);
  const verdict = await take([wide]);
  expect(verdict).toMatchObject({ admitted: true, limits: [{ remaining: 97 }] });
  expect(seen.errors).toBe(0);
});

test("a changed policy counts at once, both ways", async () => {
  const { seen, take } = house();
  const wide = limit("tenant", { limit: 2_000, windowMs: 60_000 });
  const narrow = limit("tenant", { limit: 3, windowMs: 60_000 });
  for (let nth = 0; nth < 10; nth++) expect((await take([wide])).admitted).toBe(true);
  // There is a lease left of the wide one, but it is no good any more.
  expect((await take([narrow])).admitted).toBe(false);
  expect((await take([wide])).admitted).toBe(true);
  expect((await take([narrow])).admitted).toBe(false);
  // What was left went back: 11 are spent, and a little lent again.
  const { limits } = await take([wide]);
  expect(limits[0]?.remaining).toBe(2_000 - 12);
  expect(seen.errors).toBe(0);
});

test("a lease whose answer was lost goes back", async () => {
  const { accounts, seen, take } = house();
  seen.silent = true;
  expect(await take([SMALL])).toMatchObject({ admitted: true, unheard: true });
  const lost = seen.questions[0]?.[0];
  // It had been lent, only the answer did not come.
  lendAll(accounts, lost ? [lost] : [], seen.now);
  seen.silent = false;
  seen.now += 2_000;
  expect(await take([SMALL])).toMatchObject({ admitted: true, limits: [{ remaining: 4 }] });
});

test("while the object is silent an isolate admits its share, and says so", async ({ task }) => {
  const told: string[] = [];
  for (const [count, share] of [
    [5, 1],
    [1_000, 10],
    [60_000, 600],
  ] as const) {
    const { seen, take } = house();
    seen.silent = true;
    const policy = { limit: count, windowMs: 60_000 };
    const admitted: number[] = [];
    for (let nth = 0; nth < 6_000; nth++) {
      const verdict = await take([limit("tenant", policy)]);
      expect(verdict.unheard).toBe(true);
      if (verdict.admitted) admitted.push(seen.now);
      // Sometimes the object comes back, and goes again.
      seen.now += 40;
    }
    const most = mostInAnyWindow(admitted, policy.windowMs);
    expect(most).toBe(share);
    // Nor is it asked by everybody.
    expect(seen.questions.length).toBeLessThan(6_000 / 20);
    told.push(`${most} of ${count}`);
  }
  showFigures(
    task,
    `rate limiter, object silent: an isolate admits ${told.join(", ")} in a window`,
  );
});

test("what an isolate lent by itself is not forgotten when the object answers between", async () => {
  const { seen, take } = house();
  const alone: number[] = [];
  for (let nth = 0; nth < 60; nth++) {
    seen.silent = nth % 3 !== 0;
    const verdict = await take([limit("tenant", { limit: 1, windowMs: 10_000 })]);
    if (verdict.admitted && verdict.unheard) alone.push(seen.now);
    seen.now += 1_100;
  }
  expect(alone.length).toBeGreaterThan(1);
  expect(mostInAnyWindow(alone, 10_000)).toBe(1);
});

test("an object that is heard again is asked again", async () => {
  const { seen, take } = house();
  seen.silent = true;
  await take([SMALL]);
  expect(await take([SMALL])).toMatchObject({ admitted: false, unheard: true });
  seen.silent = false;
  seen.now += 1_000;
  expect(await take([SMALL])).toMatchObject({ admitted: true, unheard: false });
});

test("what an isolate tells of its spending is never earlier than it was", async () => {
  const { seen, take } = house();
  const wide = limit("tenant", { limit: 2_000, windowMs: 60_000 });
  const spentAt: number[] = [];
  const told: number[] = [];
  while (told.length < 100) {
    await take([wide]);
    spentAt.push(seen.now - START);
    for (const ask of seen.questions.splice(0).flat()) {
      for (const { spent } of ask.returns) {
        // Each lease was asked for when the first of its tokens was spent.
        const from = spentAt[told.length] ?? 0;
        for (const { afterMs, tokens } of spent) told.push(...Array(tokens).fill(from + afterMs));
      }
    }
    seen.now += 1 + (spentAt.length % 50);
  }
  for (const [nth, time] of told.entries()) expect(time).toBeGreaterThanOrEqual(spentAt[nth] ?? 0);
});

test("two isolates together get no more than there is", async () => {
  const { take, otherIsolate } = house();
  const [one, other] = [otherIsolate(), otherIsolate()];
  let admitted = 0;
  for (let nth = 0; nth < 20; nth++) {
    const verdict = await take([SMALL], nth % 2 === 0 ? one : other);
    admitted += verdict.admitted ? 1 : 0;
  }
  expect(admitted).toBe(5);
});

test("a lease is over here before it is over for the object, be this clock the slower one", async () => {
  const { seen, take } = house();
  await take([HALF]);
  const lifeMs = 25_600;
  // Nobody lends another.
  seen.silent = true;
  seen.now += lifeMs * (1 - 2 * DRIFT) - 1;
  expect(await take([HALF])).toMatchObject({ admitted: true, unheard: false });
  // The object's clock shows the end now if it is as fast as this one is slow.
  seen.now += 1;
  expect((await take([HALF])).unheard).toBe(true);
});
