import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import {
  type Ask,
  HOSTS_APART_MS,
  type StoredAccount,
} from "../../../src/platform/limits/account.ts";
import { takeFrom } from "../../../src/platform/limits/lease-client.ts";
import { emptyLedger } from "../../../src/platform/limits/ledger.ts";
import type { Limit, Purse } from "../../../src/platform/limits/purses.ts";
import type { RateLimiter } from "../../../src/platform/limits/rate-limiter.ts";
import { createLru, type Lru } from "../../../src/platform/lru.ts";
import { evict } from "../../support/evict.ts";
import { showFigures } from "../../support/figures.ts";
import { mostInAnyWindow } from "../../support/limit-oracle.ts";
import { seededRandom } from "../../support/random.ts";
import { bindings } from "../../support/worker.ts";

const CLIENTS = 20;
const SECOND = 1_000;

function limiter(name: string) {
  return bindings.RATE_LIMITER.getByName(`${name}-${crypto.randomUUID()}`);
}

type Stub = ReturnType<typeof limiter>;

/** An isolate of its own, with the real clock and the real object. */
function client(stub: Stub, purses: Lru<Purse> = createLru<Purse>(10)) {
  const seen = { questions: 0 };
  const take = (limits: readonly Limit[]) =>
    takeFrom(purses, "account", limits, {
      now: Date.now,
      onError: () => {},
      ask: (asks) => {
        seen.questions += 1;
        return stub.lend(asks);
      },
    });
  return { take, seen };
}

function ask(key: string, changes: Partial<Ask> = {}): Ask {
  const policy = { limit: 5, windowMs: 60 * SECOND };
  const none = { rate: 1, need: 1, have: 0, waited: false, holder: "test", returns: [] };
  return { key, policy, id: crypto.randomUUID(), ...none, ...changes };
}

test("20 clients at once, in real time, and an object that is evicted: nothing over", async ({
  task,
}) => {
  const stub = limiter("crowd");
  const random = seededRandom("20 clients");
  const tenant = { name: "tenant", key: "tenant", policy: { limit: 60, windowMs: SECOND } };
  const users = [0, 1, 2].map((nth) => ({
    name: "user",
    key: `user:${nth}`,
    policy: { limit: 25, windowMs: 2 * SECOND },
  }));
  const admitted: { time: number; key: string }[] = [];
  let requests = 0;
  let questions = 0;
  const ends = Date.now() + 4 * SECOND;
  const isRunning = () => Date.now() < ends;
  await Promise.all([
    ...Array.from({ length: CLIENTS }, async (_, nth) => {
      const own = random.fork(nth);
      const { take, seen } = client(stub);
      while (isRunning()) {
        const limits = [tenant, own.pick(users)];
        const verdict = await take(limits);
        requests += 1;
        if (verdict.admitted && !verdict.unheard) {
          admitted.push(...limits.map(({ key }) => ({ time: Date.now(), key })));
        }
        await scheduler.wait(own.next() * 40);
      }
      questions += seen.questions;
    }),
    (async () => {
      while (isRunning()) {
        await scheduler.wait(700);
        await evict(stub);
      }
    })(),
  ]);
  for (const { key, policy } of [tenant, ...users]) {
    const times = admitted.filter((one) => one.key === key).map(({ time }) => time);
    expect(mostInAnyWindow(times, policy.windowMs), key).toBeLessThanOrEqual(policy.limit);
    expect(times.length, key).toBeGreaterThan(policy.limit);
  }
  const passed = admitted.filter(({ key }) => key === "tenant").length;
  expect(passed).toBeLessThan(requests);
  showFigures(
    task,
    `rate limiter, the real object, ${CLIENTS} clients: 0 windows over, ${passed} of ${requests} ` +
      `admitted, ${questions} calls`,
  );
});

test("an object that is evicted goes on where it was", async () => {
  const stub = limiter("evicted");
  for (let nth = 0; nth < 5; nth++)
    expect(await stub.lend([ask("tenant")])).toHaveProperty("leases");
  await evict(stub);
  expect(await stub.lend([ask("tenant")])).toHaveProperty("refusals");
});

test("an object that has ended by itself counts as evicted", async () => {
  await evict(limiter("never woken"));
});

test("a lease lent before an eviction comes back after it", async () => {
  const stub = limiter("returned");
  const lent = ask("tenant");
  await stub.lend([lent]);
  await evict(stub);
  const returns = [{ id: lent.id, spent: [] }];
  expect(await stub.lend([ask("tenant", { returns })])).toMatchObject({
    leases: [{ remaining: 4 }],
  });
});

test("accounts on which nothing counts are thrown away, others are kept", async () => {
  const stub = limiter("tidy");
  const short = { limit: 5, windowMs: 1 };
  await stub.lend([ask("kept"), ask("gone", { policy: short })]);
  // A lease that came back unspent counts no more.
  const lent = ask("given-back");
  await stub.lend([lent]);
  const returns = [{ id: lent.id, spent: [] }];
  await stub.lend([ask("given-back", { need: 0, rate: 0, returns })]);
  const keys = () =>
    runInDurableObject(stub, (_, { storage }) => [...storage.kv.list()].map(([key]) => key));
  expect(await keys()).toEqual(["gone", "given-back", "kept"].sort());
  // A lease lasts a second at least; it is put into the past instead of waiting for it.
  await runInDurableObject(stub, (_, { storage }) => {
    const gone = storage.kv.get<StoredAccount>("gone");
    if (!gone) throw new Error("There is no account.");
    const { account } = gone;
    const leases = account.leases.map((lease) => ({ ...lease, endsAt: Date.now() - SECOND }));
    storage.kv.put("gone", { ...gone, account: { ...account, leases } });
  });
  await evict(stub);
  expect(await runDurableObjectAlarm(stub)).toBe(true);
  expect(await keys()).toEqual(["kept"]);
  // As long as something is kept there is a next time.
  expect(await runInDurableObject(stub, (_, { storage }) => storage.getAlarm())).not.toBeNull();
  expect(await stub.lend([ask("kept")])).toMatchObject({ leases: [{ remaining: 3 }] });
});

test("between two pages of accounts that are thrown away, others have their turn", async () => {
  const stub = limiter("pages");
  await runInDurableObject(stub, async (object: RateLimiter, { storage }) => {
    const account = { ...emptyLedger(), policy: { limit: 1, windowMs: 1 }, latest: 0, waiting: [] };
    for (let nth = 0; nth < 2_500; nth++) {
      storage.kv.put<StoredAccount>(`past-${nth}`, { account, writtenBy: "another" });
    }
    const left = () => [...storage.kv.list()].length;
    const tidied = object.alarm();
    expect(left()).toBe(1_500);
    expect(await object.lend([ask("now")])).toHaveProperty("leases");
    expect(left()).toBe(1_501);
    await tidied;
    expect(left()).toBe(1);
  });
});

test("an instance counts what another wrote for longer, and what it wrote itself does not", async () => {
  const stub = limiter("hosts");
  const lent = ask("tenant");
  await stub.lend([lent]);
  const look = () =>
    runInDurableObject(stub, (_, { storage }) => storage.kv.get<StoredAccount>("tenant"));
  const end = (stored: StoredAccount | undefined) =>
    stored?.account.leases.find(({ id }) => id === lent.id)?.endsAt;
  const first = await look();
  await stub.lend([ask("tenant")]);
  expect(end(await look())).toBe(end(first));
  await evict(stub);
  await stub.lend([ask("tenant")]);
  const moved = await look();
  expect(end(moved)).toBe((end(first) ?? 0) + HOSTS_APART_MS);
  expect(moved?.writtenBy).not.toBe(first?.writtenBy);
});

test("an object without accounts goes to sleep for good", async () => {
  const stub = limiter("empty");
  expect(await stub.lend([])).toEqual({ leases: [] });
  expect(await runDurableObjectAlarm(stub)).toBe(false);
});
