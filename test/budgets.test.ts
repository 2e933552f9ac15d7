/** What a request may cost in trips to the databases, counted at the bindings. */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { addUser, type Caller, newTenant, PASSWORD, type TestTenant } from "./support/client.ts";
import { showFigures } from "./support/figures.ts";
import { openWorker, wrapAll } from "./support/worker.ts";

/** An isolate believes what it read of a caller for 5 seconds. */
const COLD_AFTER_MS = 5_001;

interface Budget {
  /** Trips to the tenant's database, when the caller is known to the isolate. */
  readonly warm: number;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: () => string;
  readonly body?: () => unknown;
  readonly headers?: () => Record<string, string>;
}

describe("the budget of", () => {
  let house: TestTenant;
  let user: Caller;
  let serial = 0;
  let clock = 0;
  const trips = { tenant: 0, control: 0 };
  const counted = openWorker(
    wrapAll((binding) => (_, run) => {
      trips[binding === "CONTROL_DB" ? "control" : "tenant"] += 1;
      return run();
    }),
  );
  beforeAll(async () => {
    house = await newTenant("budgeted");
    user = await addUser(house, "user");
    clock = Date.now();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const person = () => ({
    email: `new-${++serial}@budgeted.test`,
    password: PASSWORD,
    first_name: "New",
    last_name: "User",
    role: "user",
  });
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
  };

  it.for(Object.keys(budgets))("%s", async (name, { task }) => {
    const { method, path, body, headers, warm } = budgets[name] as Budget;
    const cost = async () => {
      trips.tenant = 0;
      trips.control = 0;
      const reply = await counted.call(method, `${house.api}${path()}`, {
        token: house.admin.token,
        ...(body ? { body: body() } : {}),
        ...(headers ? { headers: headers() } : {}),
      });
      expect(reply.status, reply.text).toBeLessThan(300);
      return { ...trips };
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
        ` warm: ${costs.warm.tenant} tenant, ${costs.warm.control} control`,
    );
    expect(costs).toEqual({
      cold: { tenant: warm + 1, control: 0 },
      warm: { tenant: warm, control: 0 },
    });
  });
});
