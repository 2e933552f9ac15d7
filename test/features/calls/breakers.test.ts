/** Circuit breakers of services as people see them, and as they order them. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  addCalled,
  type CalledService,
  fresh,
  seen,
  servers,
} from "../../support/called-services.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { addUser, call, newTenant, problemOf, type TestTenant } from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { type bindings, databaseOfTenant, openWorker } from "../../support/worker.ts";

const clock = standingClock({ between: 10 * SECOND });

let acme: TestTenant;
beforeAll(async () => {
  acme = await newTenant();
});

const ONCE = { retry: { max_attempts: 1 } };
const breakerOf = async (service: CalledService) => (await service.ask("GET", "/breaker")).json;
const order = async (service: CalledService, verb: string) => {
  const reply = await service.ask("POST", `/breaker/${verb}`);
  expect(reply.status, reply.text).toBe(200);
  return reply.json;
};
/** A request that goes well if the breaker lets it. */
const ping = async (service: CalledService) => {
  const reply = await service.request({ method: "GET", path: `/echo/${fresh("ping")}` });
  return reply.status === 200 ? reply.json.status : problemOf(reply);
};
const fail = (service: CalledService, path = `/cut/${fresh("cut")}`) =>
  service.request({ method: "POST", path });
/** Everything of the breaker fails to answer. */
const silent = {
  getByName: () => ({
    acquire: () => Promise.reject(new Error("silent")),
    report: () => Promise.reject(new Error("silent")),
    view: () => Promise.reject(new Error("silent")),
  }),
} as unknown as typeof bindings.CIRCUIT_BREAKER;

describe("a service's breaker", () => {
  it("shows what it judges by, and by which rules", async () => {
    const service = await addCalled(acme, { ...ONCE, breaker: { minimum_calls: 3 } });
    const before = await breakerOf(service);
    expect(before).toEqual({
      state: "closed",
      mode: "automatic",
      since: expect.any(String),
      retry_after: null,
      failure_rate: null,
      slow_call_rate: null,
      calls: 0,
      failed_calls: 0,
      slow_calls: 0,
      half_open_permits_in_use: 0,
      openings: 0,
      options: { ...service.json.api.breaker, minimum_calls: 3 },
    });
    await ping(service);
    await ping(service);
    await fail(service);
    expect(await breakerOf(service)).toMatchObject({
      state: "closed",
      calls: 3,
      failed_calls: 1,
      failure_rate: expect.closeTo(33.3, 1),
      slow_call_rate: 0,
    });
  });

  it("opens by itself, refuses at once, and recovers by itself", async () => {
    const service = await addCalled(acme, {
      ...ONCE,
      breaker: { minimum_calls: 2, open_ms: 20_000, slow_start_ms: 0 },
    });
    const id = fresh("sick");
    for (let nth = 0; nth < 2; nth++) await fail(service, `/cut/${id}`);
    const refused = await service.request({ method: "GET", path: `/echo/${id}` });
    expect([refused.status, problemOf(refused)]).toEqual([503, "circuit-open"]);
    const seconds = Number(refused.headers.get("retry-after"));
    expect(seconds).toBeGreaterThanOrEqual(16);
    expect(seconds).toBeLessThanOrEqual(20);
    expect(await breakerOf(service)).toMatchObject({ state: "open", retry_after: seconds });
    // It was not asked.
    expect(await seen(id)).toHaveLength(2);
    clock.pass((seconds - 5) * SECOND);
    expect(await ping(service)).toBe("circuit-open");
    clock.pass(5 * SECOND);
    for (let nth = 0; nth < 3; nth++) expect(await ping(service)).toBe(200);
    expect(await breakerOf(service)).toMatchObject({ state: "closed", openings: 0 });
  });

  it("is held open, held closed and left to itself by hand", async () => {
    const service = await addCalled(acme, { ...ONCE, breaker: { minimum_calls: 1 } });
    expect(await order(service, "open")).toMatchObject({
      state: "forced_open",
      mode: "forced_open",
      calls: 0,
    });
    expect(await ping(service)).toBe("circuit-open");
    expect(await breakerOf(service)).toMatchObject({ state: "forced_open", mode: "forced_open" });
    expect(await order(service, "close")).toMatchObject({ state: "disabled", mode: "disabled" });
    for (let nth = 0; nth < 3; nth++) expect((await fail(service)).status).toBe(502);
    expect(await ping(service)).toBe(200);
    expect(await order(service, "reset")).toMatchObject({ state: "closed", mode: "automatic" });
    expect(await ping(service)).toBe(200);
    expect(await breakerOf(service)).toMatchObject({ state: "closed", calls: 1, failed_calls: 0 });
    await fail(service);
    expect(await breakerOf(service)).toMatchObject({ state: "open" });
    expect(await order(service, "reset")).toMatchObject({ state: "closed" });
    expect(await ping(service)).toBe(200);
  });

  it("says in the audit log who ordered what", async () => {
    const service = await addCalled(acme);
    const manager = await addUser(acme, "manager");
    const path = `${acme.api}/services/${service.slug}/breaker`;
    for (const verb of ["open", "close", "reset"]) {
      const reply = await call("POST", `${path}/${verb}`, { token: manager.token });
      expect(reply.status, reply.text).toBe(200);
    }
    const log = await call("GET", `${acme.api}/audit?target=${service.id}`, {
      token: acme.admin.token,
    });
    const rows = log.json.data.map(
      (row: { action: string; principal: string; details: Record<string, unknown> }) => [
        row.action,
        row.principal,
      ],
    );
    const who = `user:${manager.id}`;
    expect(rows.slice(0, 3)).toEqual([
      ["breaker.reset", who],
      ["breaker.disabled", who],
      ["breaker.forced_open", who],
    ]);
  });

  it("is ordered once under an idempotency key", async () => {
    const service = await addCalled(acme);
    const path = `${acme.api}/services/${service.slug}/breaker/open`;
    const ask = { token: acme.admin.token, headers: { "idempotency-key": fresh("order") } };
    const [first, again] = [await call("POST", path, ask), await call("POST", path, ask)];
    expect(again.text).toBe(first.text);
    const row = await (await databaseOfTenant(acme.slug))
      .prepare("SELECT breaker_mode, breaker_version FROM services WHERE id = ?")
      .bind(service.id)
      .first();
    expect(row).toEqual({ breaker_mode: "forced_open", breaker_version: 1 });
  });

  it("follows an order everywhere within 5 seconds, even if it did not hear of it", async () => {
    const deaf = openWorker({ CIRCUIT_BREAKER: silent });
    const service = await addCalled(acme);
    expect(await ping(service)).toBe(200);
    // The order as another isolate gave it, whose breaker did not answer.
    const path = `${acme.api}/services/${service.slug}/breaker`;
    const { result, entries } = await captureLogs(() =>
      deaf.call("POST", `${path}/open`, { token: acme.admin.token }),
    );
    expect([result.status, result.json.state]).toEqual([200, "forced_open"]);
    expect(entries.map(({ level }) => level)).toContain("warn");
    expect(await ping(service)).toBe("circuit-open");
    await order(service, "reset");
    expect(await ping(service)).toBe(200);
    await (await databaseOfTenant(acme.slug))
      .prepare(
        `UPDATE services SET breaker_mode = 'forced_open', breaker_version = breaker_version + 1
          WHERE id = ?`,
      )
      .bind(service.id)
      .run();
    clock.pass(5 * SECOND - 1);
    expect(await ping(service)).toBe(200);
    clock.pass(1);
    expect(await ping(service)).toBe("circuit-open");
    expect(await breakerOf(service)).toMatchObject({ state: "forced_open", mode: "forced_open" });
  });

  it("that does not answer is 503 to look at, and lets calls through", async () => {
    const deaf = openWorker({ CIRCUIT_BREAKER: silent });
    const service = await addCalled(acme, {}, deaf.call);
    const { result } = await captureLogs(() => service.ask("GET", "/breaker"));
    expect([result.status, problemOf(result)]).toEqual([503, "not-ready"]);
    expect(result.text).not.toContain("silent");
    expect((await captureLogs(() => ping(service))).result).toBe(200);
  });

  it("is none where nothing is called, at nobody's service, or for users", async () => {
    const slug = fresh("plain");
    const { token } = acme.admin;
    await call("POST", `${acme.api}/services`, { token, body: { slug, name: slug } });
    const service = await addCalled(acme);
    const [user, manager] = [await addUser(acme, "user"), await addUser(acme, "manager")];
    for (const [method, verb] of [
      ["GET", ""],
      ["POST", "/open"],
      ["POST", "/close"],
      ["POST", "/reset"],
    ] as const) {
      const ask = (of: string, as = token) =>
        call(method, `${acme.api}/services/${of}/breaker${verb}`, { token: as });
      const refused = await ask(slug);
      expect([refused.status, problemOf(refused)]).toEqual([409, "service-not-callable"]);
      expect(problemOf(await ask("nobodys"))).toBe("not-found");
      expect(problemOf(await ask(service.slug, user.token))).toBe("permission-denied");
      expect((await ask(service.slug, manager.token)).status).toBe(200);
    }
  });

  it.each<[string, "open" | "close" | null]>([
    ["open by itself", null],
    ["held open", "open"],
    ["held closed", "close"],
  ])("that is %s begins anew where the service is called elsewhere", async (_, verb) => {
    const service = await addCalled(acme, { ...ONCE, breaker: { minimum_calls: 1 } });
    const put = async (api: object | null) => {
      const reply = await service.ask("PUT", "", { api });
      expect(reply.status, reply.text).toBe(200);
    };
    const api = { base_url: `${servers().first}/echo`, ...ONCE, breaker: { minimum_calls: 1 } };
    const disturb = async () => {
      if (verb === null) await fail(service, `/cut/${fresh("cut")}/`);
      else await order(service, verb);
      return (await breakerOf(service)).state;
    };
    const state = await disturb();
    expect(state).not.toBe("closed");
    // The same origin: it stays as it is.
    await put({ ...api, base_url: servers().first, timeout_ms: 5_000 });
    expect((await breakerOf(service)).state).toBe(state);
    await put({ ...api, base_url: servers().second });
    expect(await breakerOf(service)).toMatchObject({ state: "closed", mode: "automatic" });
    expect(await ping(service)).toBe(200);
    expect(await disturb()).toBe(state);
    await put(null);
    await put({ ...api, base_url: servers().second });
    expect(await breakerOf(service)).toMatchObject({ state: "closed", mode: "automatic" });
    const log = await call("GET", `${acme.api}/audit?target=${service.id}`, {
      token: acme.admin.token,
    });
    const resets = log.json.data.filter(
      (row: { action: string }) => row.action === "breaker.reset",
    );
    expect(resets).toHaveLength(2);
  });

  it("is another for a service that was removed and added again", async () => {
    const { token } = acme.admin;
    const service = await addCalled(acme);
    await order(service, "open");
    await service.ask("DELETE", "");
    const body = { slug: service.slug, name: "Again", api: { base_url: servers().first } };
    await call("POST", `${acme.api}/services`, { token, body });
    expect(await ping(service)).toBe(200);
  });
});

describe("the health of webhooks", () => {
  const health = async (token?: string, worker = openWorker({})) =>
    (await worker.call("GET", `${acme.api}/webhooks/health`, { token })).json;

  it("tells of breakers to those who may read services", async () => {
    const [well, held] = [await addCalled(acme), await addCalled(acme)];
    await order(held, "open");
    const admin = await health(acme.admin.token);
    expect(admin.breakers).toContainEqual({ service: held.slug, state: "forced_open" });
    expect(admin.breakers).toContainEqual({ service: well.slug, state: "closed" });
    expect(admin.breakers.length).toBeLessThanOrEqual(20);
    expect(await health((await addUser(acme, "manager")).token)).toHaveProperty("breakers");
    expect(await health((await addUser(acme, "user")).token)).not.toHaveProperty("breakers");
    expect(await health()).toEqual({ status: "ok" });
  });

  it("asks at most 20, and those that do not answer are unknown", async () => {
    const tenant = await newTenant();
    const { token } = tenant.admin;
    for (let nth = 0; nth < 21; nth++) await addCalled(tenant);
    const deaf = openWorker({ CIRCUIT_BREAKER: silent });
    const { result } = await captureLogs(() =>
      deaf.call("GET", `${tenant.api}/webhooks/health`, { token }),
    );
    const states = result.json.breakers.map(({ state }: { state: string }) => state);
    expect([result.status, states]).toEqual([200, Array(20).fill("unknown")]);
  });
});
