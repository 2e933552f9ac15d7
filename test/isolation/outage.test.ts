/** The control database is silent: who is known is served, who is not is asked to come again. */
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { addUser, newTenant, PASSWORD, problemOf, type TestTenant } from "../support/client.ts";
import { MINUTE, SECOND, standingClock } from "../support/clock.ts";
import { LOST_TEXTS, OVERLOADED_TEXTS, wrapD1 } from "../support/d1.ts";
import { registrationOf } from "../support/registration.ts";
import { bindings, openWorker } from "../support/worker.ts";

const { pass } = standingClock({ faked: ["Date", "setTimeout", "clearTimeout"] });

/** What the control database does when it is asked; null: it answers. */
let silence: (() => Promise<never>) | null = null;
let asked = 0;
const control = wrapD1(bindings.CONTROL_DB, (_, run) => {
  asked += 1;
  return silence ? silence() : run();
});
const worker = openWorker({ CONTROL_DB: control });
const fails = (message: string) => async () => {
  throw new Error(message);
};
/** How often the control database was asked meanwhile. */
async function trips(run: () => Promise<unknown>): Promise<number> {
  const before = asked;
  await run();
  return asked - before;
}

let tenant: TestTenant;
let colleague: string;
beforeAll(async () => {
  tenant = await newTenant();
  colleague = (await addUser(tenant, "user")).id;
});
beforeEach(async () => {
  silence = null;
  await warmUp();
});

const me = () => worker.call("GET", `${tenant.api}/auth/me`, { token: tenant.admin.token });
/** From now on the route is as fresh as can be, and so is the token. */
async function warmUp(): Promise<void> {
  const body = { email: tenant.admin.email, password: PASSWORD };
  const reply = await worker.call("POST", `${tenant.api}/auth/login`, { body });
  expect(reply.status).toBe(200);
  Object.assign(tenant.admin, { token: reply.json.access_token });
}

describe("a tenant that is known", () => {
  it("is asked for once a minute", async () => {
    expect(await trips(me)).toBe(0);
    pass(MINUTE - 1);
    expect(await trips(me)).toBe(0);
    pass(1);
    expect(await trips(me)).toBe(1);
    expect(await trips(me)).toBe(0);
  });

  it.each([...LOST_TEXTS, ...OVERLOADED_TEXTS, "the binding is broken"])(
    "is served ten minutes on: %s",
    async (message) => {
      silence = fails(message);
      pass(MINUTE);
      expect((await me()).status).toBe(200);
      pass(9 * MINUTE - 1);
      expect((await me()).status).toBe(200);
      pass(1);
      const reply = await me();
      expect(problemOf(reply)).toBe("database-unavailable");
      expect(reply.status).toBe(503);
      expect(reply.headers.get("retry-after")).toBe("5");
      silence = null;
      expect((await me()).status).toBe(200);
    },
  );

  it("may do everything meanwhile that is its own", async () => {
    silence = fails("D1_ERROR: Network connection lost.");
    pass(5 * MINUTE);
    const { token, email } = tenant.admin;
    const statuses = [
      await worker.call("POST", `${tenant.api}/auth/login`, {
        body: { email, password: PASSWORD },
      }),
      await worker.call("GET", `${tenant.api}/users`, { token }),
      await worker.call("PUT", `${tenant.api}/users/${colleague}`, {
        token,
        body: { first_name: "Changed" },
      }),
      await worker.call("GET", `${tenant.origin}/.well-known/jwks.json`),
      await worker.call("GET", `${tenant.origin}/health`),
    ].map(({ status }) => status);
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
    const health = await worker.call("GET", `${tenant.origin}/health`);
    expect(health.json).toMatchObject({
      status: "degraded",
      services: { control_database: "down", tenant_database: "ok" },
    });
    const ready = await worker.call("GET", `${tenant.origin}/ready`);
    expect(problemOf(ready)).toBe("not-ready");
  });

  it("does not wait for a registry that never answers, and asks it seldom", {
    timeout: 10_000,
  }, async () => {
    pass(MINUTE);
    let reached = () => {};
    const trip = new Promise<void>((resolve) => {
      reached = resolve;
    });
    silence = () => {
      reached();
      return new Promise(() => {});
    };
    const reply = me();
    expect(await Promise.race([trip, reply])).toBeUndefined();
    vi.advanceTimersByTime(SECOND);
    pass(SECOND);
    expect((await reply).status).toBe(200);
    expect(await trips(me)).toBe(0);
    silence = fails("D1_ERROR: Network connection lost.");
    pass(2 * SECOND);
    expect(await trips(me)).toBeGreaterThan(0);
    expect(await trips(me)).toBe(0);
  });
});

describe("a tenant that is not known", () => {
  it("gets 503 until the registry answers", async () => {
    const slug = `cold-${Date.now() % 100_000}`;
    const ask = () => worker.call("GET", `http://${slug}.rowhouse.test/health`);
    silence = fails("D1_ERROR: Network connection lost.");
    const reply = await ask();
    expect(problemOf(reply)).toBe("database-unavailable");
    expect(reply.headers.get("retry-after")).toBe("5");
    silence = null;
    expect(problemOf(await ask())).toBe("tenant-not-found");
  });

  it("is not waited for longer than 5 seconds", { timeout: 10_000 }, async () => {
    let reached = () => {};
    const trip = new Promise<void>((resolve) => {
      reached = resolve;
    });
    silence = () => {
      reached();
      return new Promise(() => {});
    };
    const reply = worker.call("GET", `http://mute-${Date.now() % 100_000}.rowhouse.test/health`);
    await trip;
    vi.advanceTimersByTime(5 * SECOND);
    expect(problemOf(await reply)).toBe("database-unavailable");
  });

  it("is asked for every 2 seconds, and at once when it registers", async () => {
    const slug = `new-${Date.now() % 100_000}`;
    const ask = () => worker.call("GET", `http://${slug}.rowhouse.test/health`);
    expect(problemOf(await ask())).toBe("tenant-not-found");
    pass(2 * SECOND - 1);
    expect(await trips(ask)).toBe(0);
    pass(1);
    expect(await trips(ask)).toBe(1);
    // A registry that falls silent leaves no word on who is unknown.
    silence = fails("D1_ERROR: Network connection lost.");
    expect(problemOf(await ask())).toBe("tenant-not-found");
    pass(2 * SECOND);
    expect(problemOf(await ask())).toBe("database-unavailable");
    silence = null;
    expect(problemOf(await ask())).toBe("tenant-not-found");
    const body = registrationOf(slug);
    const made = await worker.call("POST", "http://rowhouse.test/api/v1/auth/register", { body });
    expect(made.status).toBe(201);
    expect((await ask()).status).toBe(200);
  });
});

it("the platform's own door says what is wrong, and when to come again", async () => {
  silence = fails("D1_ERROR: Network connection lost.");
  const body = { email: "operator@rowhouse.test", password: PASSWORD };
  const reply = await worker.call("POST", "http://rowhouse.test/api/v1/auth/login", { body });
  expect(problemOf(reply)).toBe("database-unavailable");
  expect(reply.headers.get("retry-after")).toBe("5");
  expect((await worker.call("GET", "http://rowhouse.test/health")).status).toBe(200);
});
