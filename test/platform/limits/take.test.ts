import { expect, test, vi } from "vitest";
import { type Limit, refusedFor, take } from "../../../src/platform/limits/index.ts";
import { createObjects, type Objects } from "../../../src/platform/objects.ts";
import { createLogger } from "../../../src/platform/observe/logger.ts";
import { createMeter } from "../../../src/platform/observe/meter.ts";
import { bindings } from "../../support/worker.ts";

/** Account names that no other test has used: what an isolate knows outlives a test. */
const fresh = () => `tenant:${crypto.randomUUID()}`;

function context(objects?: Objects) {
  const meter = createMeter();
  const lines: string[] = [];
  const log = createLogger({ write: (level, line) => lines.push(`${level} ${line}`) });
  return { ctx: { objects: objects ?? createObjects(bindings, meter), log }, meter, lines };
}

const FEW: Limit = { name: "tenant", key: "tenant", policy: { limit: 2, windowMs: 60_000 } };

test("spends what the object lends, and knows a refusal without asking", async () => {
  const account = fresh();
  const { ctx, meter, lines } = context();
  expect(await take(ctx, account, [FEW])).toMatchObject({ admitted: true, unheard: false });
  expect(refusedFor(account, FEW)).toBe(0);
  expect(await take(ctx, account, [FEW])).toMatchObject({ admitted: true });
  expect(await take(ctx, account, [FEW])).toMatchObject({ admitted: false, unheard: false });
  const calls = meter.objectCalls;
  expect(await take(ctx, account, [FEW])).toMatchObject({ admitted: false });
  expect(meter.objectCalls).toBe(calls);
  expect(refusedFor(account, FEW)).toBeGreaterThan(50_000);
  expect(refusedFor(account, FEW)).toBeLessThanOrEqual(65_000);
  expect(lines).toEqual([]);
});

test("knows nothing of another account, another limit or another policy", async () => {
  const account = fresh();
  const { ctx } = context();
  for (let nth = 0; nth < 3; nth++) await take(ctx, account, [FEW]);
  expect(refusedFor(fresh(), FEW)).toBe(0);
  expect(refusedFor(account, { ...FEW, key: "user:other" })).toBe(0);
  expect(refusedFor(account, { ...FEW, policy: { limit: 9, windowMs: 60_000 } })).toBe(0);
});

test("requests at the same time share what there is", async () => {
  const account = fresh();
  const { ctx } = context();
  const limit = { ...FEW, policy: { limit: 7, windowMs: 60_000 } };
  const verdicts = await Promise.all(Array.from({ length: 30 }, () => take(ctx, account, [limit])));
  expect(verdicts.filter(({ admitted }) => admitted)).toHaveLength(7);
});

test("a silent object is one warning, a little that is admitted, and no word about callers", async () => {
  const account = fresh();
  const { ctx, lines } = context({
    ...createObjects(bindings, createMeter()),
    ask: () => Promise.reject(new Error("The object hangs.")),
  });
  expect(await take(ctx, account, [FEW])).toMatchObject({ admitted: true, unheard: true });
  expect(await take(ctx, account, [FEW])).toMatchObject({ admitted: false, unheard: true });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("warn ");
  expect(lines[0]).toContain("rate limiter silent");
  expect(lines[0]).toContain("The object hangs.");
});

test("while the object is silent, who is held to a limit is so too, but for one at a time", async () => {
  const account = fresh();
  let asked = 0;
  const { ctx } = context({
    ...createObjects(bindings, createMeter()),
    ask: () => {
      asked += 1;
      return Promise.reject(new Error("The object hangs."));
    },
  });
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    expect(refusedFor(account, FEW)).toBe(0);
    await take(ctx, account, [FEW]);
    let passed = 0;
    for (let nth = 0; nth < 600; nth++) {
      vi.setSystemTime(Date.now() + 10);
      const waitMs = refusedFor(account, FEW);
      expect(waitMs).toBeLessThanOrEqual(1_000);
      if (waitMs > 0) continue;
      passed += 1;
      // Every second one of those who pass turns out to be no failure, and asks nothing.
      if (passed % 2) await take(ctx, account, [FEW]);
    }
    // A second of silence after each question, half a second after each who asked none.
    expect([passed, asked]).toEqual([7, 5]);
  } finally {
    vi.useRealTimers();
  }
});

test("looking whether somebody is refused drives out nobody who is known", async () => {
  const account = fresh();
  const { ctx, meter } = context();
  for (let nth = 0; nth < 3; nth++) await take(ctx, account, [FEW]);
  const calls = meter.objectCalls;
  // More than an isolate keeps.
  for (let nth = 0; nth < 10_100; nth++) refusedFor(account, { ...FEW, key: `made-up-${nth}` });
  expect(await take(ctx, account, [FEW])).toMatchObject({ admitted: false });
  expect(meter.objectCalls).toBe(calls);
});

test("no limits let everybody through", async () => {
  const { ctx, meter } = context();
  expect(await take(ctx, fresh(), [])).toEqual({ admitted: true, unheard: false, limits: [] });
  expect(meter.objectCalls).toBe(0);
});
