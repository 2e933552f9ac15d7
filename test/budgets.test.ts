/** What a request may cost in trips to databases, queues and Durable Objects, counted at the bindings. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ROUNDS } from "../src/platform/jobs/chores.ts";
import { addActor } from "./support/actors.ts";
import {
  addUser,
  type Caller,
  call,
  newTenant,
  PASSWORD,
  type TestTenant,
} from "./support/client.ts";
import { showFigures } from "./support/figures.ts";
import { keptQueues } from "./support/kept-queues.ts";
import { countedObjects } from "./support/limits.ts";
import { COUNTS_EVENTS } from "./support/schema.ts";
import {
  addService,
  eventOf,
  eventually,
  type SignedDelivery,
  signed,
  type TestService,
} from "./support/webhooks.ts";
import { bindings, firstValue, openWorker, tick, wrapAll } from "./support/worker.ts";

/** An isolate believes what it read of a caller, and of a service, for 5 seconds. */
const COLD_AFTER_MS = 5_001;

interface Budget {
  /** Trips to the tenant's database, when the caller or the service is known to the isolate. */
  readonly warm: number;
  /** Calls of a queue; none by default. */
  readonly queue?: number;
  /** Calls of the live stream; none by default. */
  readonly stream?: number;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: () => string;
  readonly body?: () => unknown;
  readonly headers?: () => Record<string, string>;
  /** What a service sends, instead of the above. */
  readonly delivery?: () => Promise<SignedDelivery>;
}

describe("the budget of", () => {
  let house: TestTenant;
  let user: Caller;
  let serial = 0;
  let clock = 0;
  let service: TestService;
  let actor: string;
  const trips = { tenant: 0, control: 0, queue: 0 };
  const databases = wrapAll((binding) => (_, run) => {
    trips[binding === "CONTROL_DB" ? "control" : "tenant"] += 1;
    return run();
  });
  /** The queue, with its calls counted. */
  const counting = (queue: Queue): Queue =>
    new Proxy(queue, {
      get: (target, name) => {
        if (name === "send" || name === "sendBatch") trips.queue += 1;
        return Reflect.get(target, name).bind(target);
      },
    });
  const objects = countedObjects();
  /** Calls of the live stream, and of all other objects, since this was last asked. */
  const callsOfObjects = () => {
    const calls = { stream: 0, others: 0 };
    for (const [object, count] of Object.entries(objects.take())) {
      calls[object.startsWith("SIGNAL_STREAM ") ? "stream" : "others"] += count;
    }
    return calls;
  };
  const counted = openWorker({
    ...databases,
    ...objects.bindings,
    DOORBELLS: counting(bindings.DOORBELLS),
    DELIVERIES: counting(bindings.DELIVERIES),
    DEAD_LETTERS: counting(bindings.DEAD_LETTERS),
  });
  beforeAll(async () => {
    house = await newTenant("budgeted");
    user = await addUser(house, "user");
    service = await addService(house);
    actor = await addActor(house);
    await prepareSignals();
    repeated = eventOf(service, "repeated");
    const first = await counted.call("POST", service.url, await requestOf(repeated));
    await eventually(house, first.json.event_id, "completed");
    clock = Date.now();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const add = async (path: string, body: object) => {
    const { token } = house.admin;
    const { status, text, json } = await call("POST", `${house.api}${path}`, { token, body });
    expect([200, 201], text).toContain(status);
    return json.id as string;
  };
  const reading = (metric: string) => ({ metric, metric_value: 50 });
  /** Signals to look after, and a metric that breaches its rule already: it is counted from now on. */
  const prepareSignals = async () => {
    const body = { severity: "low", title: "To be looked after" };
    for (let nth = 0; nth < 4; nth++) open.push(await add("/signals", body));
    const rule = { operator: ">", threshold: 10, severity: "high" };
    for (const metric of ["watched", ...unbreached])
      await add("/signal-rules", { ...rule, metric });
    for (const metric of ["unwatched", "watched"]) await add("/signals", reading(metric));
  };

  const person = () => ({
    email: `new-${++serial}@budgeted.test`,
    password: PASSWORD,
    first_name: "New",
    last_name: "User",
    role: "user",
  });
  /** Headers and body of a delivery. */
  const requestOf = async (text: string) => {
    const { headers, body } = await signed(service, text);
    return { headers, raw: body };
  };
  const acted = () => ({ actor_id: actor, event_type: "ticket_reply", metadata: { seconds: 42 } });
  const open: string[] = [];
  const unbreached = ["fresh-1", "fresh-2"];
  let repeated = "";
  const batch = () => {
    const events = Array.from({ length: 500 }, () => eventOf(service, `event-${++serial}`));
    return signed(service, `[${events.join()}]`, { path: "/batch" });
  };
  const receiving = { method: "POST", path: () => "" } as const;
  const keyed = () => ({ "idempotency-key": `budget-${++serial}` });

  const budgets: Record<string, Budget> = {
    "reading one": { warm: 1, method: "GET", path: () => `/users/${user.id}` },
    "reading a list": { warm: 1, method: "GET", path: () => "/users" },
    "reading oneself": { warm: 1, method: "GET", path: () => "/auth/me" },
    creating: { warm: 1, method: "POST", path: () => "/users", body: person },
    "creating with a key": {
      warm: 1,
      method: "POST",
      path: () => "/users",
      body: person,
      headers: keyed,
    },
    changing: {
      warm: 2,
      method: "PUT",
      path: () => `/users/${user.id}`,
      body: () => ({ first_name: `Name ${++serial}` }),
    },
    "changing with a key": {
      warm: 2,
      method: "PUT",
      path: () => `/users/${user.id}`,
      body: () => ({ first_name: `Name ${++serial}` }),
      headers: keyed,
    },
    "changing the tenant": {
      warm: 2,
      method: "PUT",
      path: () => "/tenants/current",
      body: () => ({ name: `Name ${++serial}` }),
    },
    "reading what is used": {
      warm: COUNTS_EVENTS ? 2 : 1,
      method: "GET",
      path: () => "/tenants/current/usage",
    },
    "reading what was received": { warm: 1, method: "GET", path: () => "/webhooks/events" },
    "reading events": { warm: 1, method: "GET", path: () => "/events" },
    "reading an actor's events": {
      warm: 1,
      method: "GET",
      path: () => `/events?actor_id=${actor}`,
    },
    "recording an event": { warm: 1, method: "POST", path: () => "/events", body: acted },
    "recording an event with a key": {
      warm: 1,
      method: "POST",
      path: () => "/events",
      body: acted,
      headers: keyed,
    },
    "recording 500 events": {
      warm: 2,
      method: "POST",
      path: () => "/events/batch",
      body: () => ({ events: Array.from({ length: 500 }, acted) }),
    },
    "adding an actor": {
      warm: 1,
      method: "POST",
      path: () => "/actors",
      body: () => ({ type: "support", name: `Actor ${++serial}` }),
    },
    "changing an actor": {
      warm: 2,
      method: "PUT",
      path: () => `/actors/${actor}`,
      body: () => ({ name: `Actor ${++serial}` }),
    },
    "reading signals": { warm: 1, method: "GET", path: () => "/signals" },
    "reading signals by risk": {
      warm: 1,
      method: "GET",
      path: () => "/signals?status=open&ordering=-risk_score",
    },
    "counting signals": { warm: 1, method: "GET", path: () => "/stats" },
    "measuring signals": { warm: 1, method: "GET", path: () => "/signals/metrics" },
    "opening a signal by hand": {
      warm: 2,
      method: "POST",
      path: () => "/signals",
      stream: 1,
      body: () => ({ severity: "high", title: `Signal ${++serial}` }),
    },
    "reporting what was measured": {
      warm: 2,
      stream: 1,
      method: "POST",
      path: () => "/signals",
      body: () => ({ response_time_ms: 900 }),
    },
    "reporting a reading": {
      warm: 3,
      stream: 1,
      method: "POST",
      path: () => "/signals",
      body: () => reading("unwatched"),
    },
    "reporting a reading that a rule judges": {
      warm: 4,
      stream: 1,
      method: "POST",
      path: () => "/signals",
      body: () => reading("watched"),
    },
    // The reading is a signal, and what its rule opens is another.
    "reporting a reading that opens a rule's signal": {
      warm: 5,
      stream: 2,
      method: "POST",
      path: () => "/signals",
      body: () => reading(unbreached.pop() ?? ""),
    },
    "recording an event that a rule watches": {
      warm: 1,
      queue: 1,
      method: "POST",
      path: () => "/events",
      body: () => ({ ...acted(), metadata: { watched: 50 } }),
    },
    "acknowledging a signal": {
      warm: 2,
      stream: 1,
      method: "POST",
      path: () => `/signals/${open.pop()}/acknowledge`,
    },
    "resolving a signal": {
      warm: 2,
      stream: 1,
      method: "POST",
      path: () => `/signals/${open.pop()}/resolve`,
    },
    "a ticket for the stream": {
      warm: 0,
      stream: 1,
      method: "POST",
      path: () => "/signals/stream-tickets",
    },
    "reading rules": { warm: 1, method: "GET", path: () => "/signal-rules" },
    "reading destinations": { warm: 1, method: "GET", path: () => "/destinations" },
    "adding a destination": {
      warm: 1,
      method: "POST",
      path: () => "/destinations",
      body: () => ({ url: "https://hooks.acme.example/", event_types: ["nothing.ever"] }),
    },
    "accepting a webhook": {
      ...receiving,
      warm: 1,
      queue: 1,
      delivery: () => signed(service, eventOf(service, `event-${++serial}`)),
    },
    // Refused by the index, found, and counted in the audit log.
    "a webhook that was accepted before": {
      ...receiving,
      warm: 3,
      delivery: () => signed(service, repeated),
    },
    "turning a webhook away": {
      ...receiving,
      warm: 1,
      delivery: () => signed({ ...service, secret: "whsec_another" }, repeated),
    },
    // At most 6, says the design.
    "accepting a batch of 500 webhooks": { ...receiving, warm: 2, queue: 1, delivery: batch },
  };

  it.for(Object.keys(budgets))("%s", async (name, { task }) => {
    const { method, path, body, headers, delivery, ...budget } = budgets[name] as Budget;
    const { warm, queue = 0, stream = 0 } = budget;
    const optionsOf = () => ({
      token: house.admin.token,
      ...(body ? { body: body() } : {}),
      ...(headers ? { headers: headers() } : {}),
    });
    let dearest = 0;
    const cost = async () => {
      const sent = await delivery?.();
      const [url, options] = sent
        ? [sent.url, { headers: sent.headers, raw: sent.body }]
        : [`${house.api}${path()}`, optionsOf()];
      Object.assign(trips, { tenant: 0, control: 0, queue: 0 });
      objects.take();
      const reply = await counted.call(method, url, options);
      const calls = callsOfObjects();
      const costs = { ...trips, stream: calls.stream };
      dearest = Math.max(dearest, calls.others);
      // Who is turned away takes of the tenant's own limit nothing, and of the sender's one.
      expect(calls.others).toBeLessThanOrEqual(1);
      expect(reply.status, reply.text).toBeLessThan(name.startsWith("turning") ? 402 : 300);
      return costs;
    };
    vi.useFakeTimers({ toFake: ["Date"] });
    clock += COLD_AFTER_MS;
    vi.setSystemTime(clock);
    // The way to the tenant is asked for once a minute; that is nobody's hot path.
    await counted.call("GET", `${house.origin}/health`);
    const costs = { cold: await cost(), warm: await cost() };
    showFigures(
      task,
      `  cold: ${costs.cold.tenant} tenant, ${costs.cold.control} control;` +
        ` warm: ${costs.warm.tenant} tenant, ${costs.warm.control} control; queue: ${costs.warm.queue};` +
        ` stream: ${costs.warm.stream}; other objects: ${dearest} at most`,
    );
    expect(costs).toEqual({
      cold: { tenant: warm + 1, control: 0, queue, stream },
      warm: { tenant: warm, control: 0, queue, stream },
    });
  });

  it.for(["reading one", "accepting a webhook"])(
    "200 of %s, at 1,000 a second, in calls of objects",
    async (name, { task }) => {
      const { method, path, delivery } = budgets[name] as Budget;
      const one = async () => {
        const sent = await delivery?.();
        return sent
          ? counted.call(method, sent.url, { headers: sent.headers, raw: sent.body })
          : counted.call(method, `${house.api}${path()}`, { token: house.admin.token });
      };
      vi.useFakeTimers({ toFake: ["Date"] });
      clock += COLD_AFTER_MS;
      vi.setSystemTime(clock);
      await one();
      objects.take();
      for (let request = 0; request < 200; request++) {
        clock += 1;
        vi.setSystemTime(clock);
        expect((await one()).status).toBeLessThan(300);
      }
      const { stream, others } = callsOfObjects();
      showFigures(task, `  ${others} calls, ${others / 200} a request`);
      expect(others).toBeLessThanOrEqual(20);
      expect(stream).toBe(0);
    },
  );

  it("a cron over 10,000 tenants", async ({ task }) => {
    const { CONTROL_DB } = bindings;
    const there = await firstValue<number>(CONTROL_DB, "SELECT count(*) FROM tenants");
    await CONTROL_DB.prepare(
      `INSERT INTO tenants
        WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000 - ?1)
        SELECT 'tenant_many_' || n, 'many-' || n, name, plan, cell, 'TENANT_DB_MANY_' || n, state,
          schema_version, NULL, 1, NULL, 0, 0, 1, NULL, NULL, NULL FROM tenants, n WHERE slug = ?2`,
    )
      .bind(there, house.slug)
      .run();
    const queues = keptQueues();
    const { DOORBELLS, DELIVERIES } = queues.bindings;
    const env = {
      ...counted.env,
      DOORBELLS: counting(DOORBELLS),
      DELIVERIES: counting(DELIVERIES),
    };
    Object.assign(trips, { tenant: 0, control: 0, queue: 0 });
    // What the requests before have asked of objects is not the cron's.
    callsOfObjects();
    await tick(env, ROUNDS.nightly.cron);
    showFigures(
      task,
      `  one round: ${trips.tenant} tenant, ${trips.control} control; queue: ${trips.queue}`,
    );
    // A hundred pages, and one look behind the last; the run is logged when it begins and when it ends.
    expect(trips).toEqual({ tenant: 0, control: 101 + 2, queue: 100 });
    expect(queues.take()).toHaveLength(10_000);
    expect(callsOfObjects()).toEqual({ stream: 0, others: 0 });
  });
});
