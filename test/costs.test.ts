/** What requests and idle tenants cost at Cloudflare's published prices, by what they really do here. */
import { beforeAll, describe, expect, it } from "vitest";
import operations from "../docs/operations.md?raw";
import { ROUNDS, type Round } from "../src/platform/jobs/chores.ts";
import { chores } from "../src/registry.ts";
import { addActor } from "./support/actors.ts";
import { PASSWORD } from "./support/client.ts";
import { SECOND, standingClock } from "./support/clock.ts";
import type { Trip } from "./support/d1.ts";
import { showFigures } from "./support/figures.ts";
import { countedObjects } from "./support/limits.ts";
import { type QuietHouse, quietHouse } from "./support/quiet-house.ts";
import { SCHEMA } from "./support/schema.ts";
import { eventOf, signed } from "./support/webhooks.ts";
import { type OtherWorker, openWorker, wrapAll } from "./support/worker.ts";

/** Dollars a million beyond what the plan includes, as published in November 2026. */
const PRICES = {
  requests: 0.3,
  rowsRead: 0.001,
  rowsWritten: 1,
  /** A message is written, read and deleted. */
  messages: 3 * 0.4,
  objectCalls: 0.15,
};

/** What Cloudflare counts. */
type Cost = Record<keyof typeof PRICES, number>;

/** In 30 days. */
const RUNS: Partial<Record<Round, number>> = { idle: 6 * 30, nightly: 30 };

describe.skipIf(SCHEMA < 9)("the cost of", () => {
  const clock = standingClock({ between: SECOND });
  const objects = countedObjects();
  const spent: Cost = { requests: 0, rowsRead: 0, rowsWritten: 0, messages: 0, objectCalls: 0 };
  let house: QuietHouse;
  let worker: OtherWorker;
  let actor: string;
  let serial = 0;

  const count = (meta: D1Meta) => {
    spent.rowsRead += meta.rows_read;
    spent.rowsWritten += meta.rows_written;
  };
  const metered = async <T>(trip: Trip, run: () => Promise<T>): Promise<T> => {
    const result = await run();
    if (trip.kind === "batch") for (const { meta } of result as D1Result[]) count(meta as D1Meta);
    else if (trip.meta) count(await trip.meta());
    return result;
  };
  beforeAll(async () => {
    house = await quietHouse();
    actor = await addActor(house.tenant);
    worker = openWorker({ ...house.worker.env, ...objects.bindings, ...wrapAll(() => metered) });
  });
  const costOf = async (run: () => Promise<unknown>): Promise<Cost> => {
    house.sent();
    objects.take();
    for (const name of Object.keys(spent) as (keyof Cost)[]) spent[name] = 0;
    await run();
    spent.messages = house.sent().length;
    const calls = Object.entries(objects.take()).filter(([object]) => !isLimiter(object));
    spent.objectCalls = calls.reduce((sum, [, each]) => sum + each, 0);
    return { ...spent };
  };
  // Limits are leased: how often they are asked for depends on how busy a tenant is.
  const isLimiter = (object: string) => /^(tenant|webhooks|addresses):/.test(object);
  const ask = async (method: string, path: string, body?: unknown) => {
    spent.requests += 1;
    const { token } = house.tenant.admin;
    const reply = await worker.call(method, `${house.tenant.api}${path}`, { token, body });
    expect(reply.status, reply.text).toBeLessThan(300);
  };
  const event = () => ({ actor_id: actor, event_type: "ticket_reply", metadata: { seconds: 42 } });
  const receive = async (text: string, path = "") => {
    spent.requests += 1;
    const { url, headers, body } = await signed(house.service, text, { path });
    const reply = await worker.call("POST", url, { raw: body, headers });
    expect(reply.status, reply.text).toBe(202);
  };
  const order = () => eventOf(house.service, `order-${++serial}`);

  const KINDS: Record<string, () => Promise<unknown>> = {
    "GET /users/{id}": () => ask("GET", `/users/${house.tenant.admin.id}`),
    "POST /actors": () => ask("POST", "/actors", { type: "support", name: `Actor ${++serial}` }),
    "PUT /actors/{id}": () => ask("PUT", `/actors/${actor}`, { name: `Actor ${++serial}` }),
    "POST /events": () => ask("POST", "/events", event()),
    "POST /events/batch of 500": () =>
      ask("POST", "/events/batch", { events: Array.from({ length: 500 }, event) }),
    "POST /signals": () => ask("POST", "/signals", { severity: "low", title: `Look ${++serial}` }),
    "POST /auth/login": () =>
      ask("POST", "/auth/login", { email: house.tenant.admin.email, password: PASSWORD }),
    "webhook, taken in": () => receive(order()),
    "webhook, processed": async () => {
      spent.requests += 1;
      await drainAll();
    },
  };
  const drainAll = async () => {
    const { drain } = await import("../src/features/webhooks/drain.service.ts");
    const { HANDLERS } = await import("../src/features/webhooks/handlers.ts");
    const ctx = await house.ctx(worker.env);
    await drain(ctx, {}, { handlers: HANDLERS, random: () => 0.5 });
  };

  const dollars = (cost: Cost) =>
    (Object.keys(PRICES) as (keyof Cost)[]).reduce((sum, of) => sum + cost[of] * PRICES[of], 0);
  const rowOf = (name: string, cost: Cost) =>
    `| ${name} | ${cost.requests} | ${cost.rowsRead} | ${cost.rowsWritten} | ${cost.messages} |` +
    ` ${cost.objectCalls} | ${dollars(cost).toFixed(2)} |`;

  it("a request of each kind is what docs/operations.md says", async ({ task }) => {
    const rows: string[] = [];
    for (const [name, run] of Object.entries(KINDS)) {
      // Once before, so that the isolate knows the caller and the service, and has its leases.
      if (name !== "webhook, processed") await run();
      if (name === "webhook, taken in") await drainAll();
      rows.push(rowOf(name, await costOf(run)));
      clock.pass(100);
    }
    const [first = async () => {}] = Object.values(KINDS);
    const warm = await costOf(first);
    clock.pass(5 * SECOND);
    const cold = await costOf(first);
    const look = { ...cold, requests: 0, rowsRead: cold.rowsRead - warm.rowsRead };
    rows.push(rowOf("a look at the caller, once in 5 seconds", look));
    showFigures(task, rows.join("\n"));
    expect(rows.filter((row) => !operations.includes(row))).toEqual([]);
  });

  it("an idle tenant in a month is what docs/operations.md says", async ({ task }) => {
    const idle = await quietHouse();
    const ctx = await idle.ctx(worker.env);
    const month: Cost = { requests: 0, rowsRead: 0, rowsWritten: 0, messages: 0, objectCalls: 0 };
    for (const [round, runs] of Object.entries(RUNS) as [Round, number][]) {
      expect(ROUNDS[round].which).toBe("all");
      const visit = await costOf(async () => {
        for (const chore of chores) if (chore.rounds.includes(round)) await chore.run(ctx);
      });
      expect(visit).toMatchObject({ rowsWritten: 0, messages: 0 });
      month.rowsRead += runs * visit.rowsRead;
      month.objectCalls += runs * visit.objectCalls;
      // The bell that calls for the visit; ten of them are one invocation of the consumer.
      month.messages += runs;
      month.requests += runs / 10;
    }
    const { size_after } = (await idle.database.prepare("SELECT 1").run()).meta;
    const row = rowOf("an idle tenant, a month", month);
    showFigures(task, `${row}\n  ${size_after} bytes when it is new`);
    expect(operations.includes(row), row).toBe(true);
  });
});
