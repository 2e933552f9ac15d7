import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { runSchedules } from "../../../src/platform/jobs/schedules.ts";
import { traceIdOf } from "../../../src/platform/observe/trace.ts";
import { brokenControl, brokenTenant } from "../../support/broken.ts";
import { addCalled, servers } from "../../support/called-services.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import {
  addUser,
  type CallOptions,
  callWith,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  type TestTenant,
} from "../../support/client.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { addService, eventOf, signed } from "../../support/webhooks.ts";
import { ring, tick } from "../../support/worker.ts";

const LOGIN = "/api/v1/auth/login";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

describe("the request log", () => {
  let acme: TestTenant;
  beforeAll(async () => {
    acme = await newTenant();
  });

  /** The request line of a call, which has to be the only one. */
  async function lineOf(
    method: string,
    url: string,
    options: CallOptions = {},
    changes: Partial<Bindings> = {},
  ) {
    const { result, entries } = await captureLogs(() => callWith(changes, method, url, options));
    const lines = entries.filter(({ message }) => message === "request");
    expect(lines, JSON.stringify(entries)).toHaveLength(1);
    return { line: lines[0], reply: result, entries };
  }

  it("has one line with these fields, and no other", async () => {
    const { line, reply } = await lineOf("GET", `${acme.api}/users/${acme.admin.id}?x=1`, {
      token: acme.admin.token,
      headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` },
    });
    expect(line).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: "info",
      message: "request",
      request_id: reply.headers.get("x-request-id"),
      trace_id: TRACE,
      method: "GET",
      tenant: acme.slug,
      principal: `user:${acme.admin.id}`,
      route: "/api/v1/users/{id}",
      status: 200,
      duration_ms: expect.any(Number),
      tenant_d1_trips: expect.any(Number),
      control_d1_trips: 0,
      queue_sends: 0,
      durable_object_calls: expect.any(Number),
    });
  });

  it("counts the trips to each database", async () => {
    const { token } = acme.admin;
    const body = { first_name: "Counted" };
    const read = await lineOf("GET", `${acme.api}/users`, { token });
    expect(read.line.tenant_d1_trips).toBe(1);
    const write = await lineOf("PUT", `${acme.api}/users/profile`, { token, body });
    expect(write.line.tenant_d1_trips).toBe(2);
    const unknown = await lineOf("GET", "http://nobody-here.rowhouse.test/");
    expect(unknown.line).toMatchObject({
      tenant_d1_trips: 0,
      control_d1_trips: 1,
      queue_sends: 0,
      tenant: null,
    });
  });

  it("counts the calls of Durable Objects", async () => {
    const tenant = await newTenant();
    const { token } = tenant.admin;
    const first = await lineOf("GET", `${tenant.api}/users`, { token });
    expect(first.line.durable_object_calls).toBe(1);
    // The tokens of a lease are spent without asking.
    const statuses = new Set<unknown>();
    for (let request = 0; request < 10; request++) {
      const { line } = await lineOf("GET", `${tenant.api}/users`, { token });
      statuses.add(line.durable_object_calls);
    }
    expect(statuses).toContain(0);
    const health = await lineOf("GET", `${tenant.origin}/health`, { ip: "192.0.2.77" });
    // One for the address, and one to see whether they answer.
    expect(health.line.durable_object_calls).toBe(2);
    const preflight = await lineOf("OPTIONS", `${tenant.api}/users`);
    expect(preflight.line.durable_object_calls).toBe(0);
  });

  it("counts what was sent to the queues", async () => {
    const { bindings: queues, take } = keptQueues();
    const service = await addService(acme);
    const send = async (text: string) => {
      const { url, headers, body } = await signed(service, text);
      return lineOf("POST", url, { headers, raw: body }, queues);
    };
    const accepted = await send(eventOf(service, "counted"));
    expect(accepted.line).toMatchObject({
      status: 202,
      queue_sends: 1,
      principal: "anonymous",
      route: "/api/v1/webhooks/{service}",
    });
    // Until it is taken up, a repeat rings as well; the first ring may have been lost.
    const again = () => send(eventOf(service, "counted"));
    expect((await again()).line).toMatchObject({ status: 200, queue_sends: 1 });
    const bells = take().map((sent) => sent.body);
    expect(bells).toHaveLength(2);
    await captureLogs(() => ring(bells));
    expect((await again()).line).toMatchObject({ status: 200, queue_sends: 0 });
    expect(take()).toEqual([]);
  });

  it.each([
    ["no credential", "GET", "/api/v1/auth/me", {}, 401, "/api/v1/auth/me", "anonymous"],
    ["an unknown path", "GET", "/nothing", {}, 404, null, "anonymous"],
    ["a wrong method", "PATCH", "/api/v1/users", {}, 405, null, "anonymous"],
    ["malformed JSON", "POST", LOGIN, { raw: "{" }, 400, LOGIN, "anonymous"],
    ["a page outside the API", "GET", "/health", {}, 200, "/health", "anonymous"],
    ["the root", "GET", "/", {}, 200, "/", "anonymous"],
    ["a preflight", "OPTIONS", "/api/v1/users", {}, 204, null, null],
    ["a wrong type", "POST", LOGIN, { body: 1 }, 422, LOGIN, "anonymous"],
  ] as const)("has one line for %s", async (_, method, path, options, status, route, principal) => {
    const { line } = await lineOf(method, acme.origin + path, options);
    expect(line).toMatchObject({ level: "info", method, status, route, principal });
  });

  it("names a refused caller", async () => {
    const reader = await addUser(acme, "readonly");
    const { line } = await lineOf("GET", `${acme.api}/audit`, { token: reader.token });
    expect(line).toMatchObject({ status: 403, principal: `user:${reader.id}` });
  });

  it("has one line for faults of ours, beside the one that tells the cause", async () => {
    const url = `${acme.api}/users`;
    const { token } = acme.admin;
    const broken = await brokenTenant(acme.slug, "D1_ERROR: no such table: x: SQLITE_ERROR");
    const fault = await lineOf("GET", url, { token }, broken);
    expect(fault.line).toMatchObject({ status: 500, principal: `user:${acme.admin.id}` });
    const failed = fault.entries.filter(({ level }) => level === "error");
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({
      message: "failed",
      code: "internal-error",
      request_id: fault.line.request_id,
      trace_id: fault.line.trace_id,
    });
    const down = await lineOf("GET", url, { token }, await brokenTenant(acme.slug));
    expect(down.line.status).toBe(503);
  });

  it("notes what a called service is at fault for, and raises no alarm", async () => {
    const service = await addCalled(acme, {
      base_url: servers().dead,
      retry: { max_attempts: 1 },
      breaker: { minimum_calls: 1 },
    });
    const url = `${acme.api}/services/${service.slug}/requests`;
    const body = { method: "GET", path: "/" };
    for (const [status, code] of [
      [502, "downstream-unreachable"],
      [503, "circuit-open"],
    ] as const) {
      const { line, entries } = await lineOf("POST", url, { token: acme.admin.token, body });
      expect(line.status).toBe(status);
      expect(entries.filter(({ level }) => level === "error")).toEqual([]);
      const notes = entries.filter(({ message }) => message === "called service failed");
      expect(notes).toMatchObject([{ level: "info", code, request_id: line.request_id }]);
      expect(JSON.stringify(notes)).not.toContain("stack");
    }
  });

  it("tells faults without the values of the query that failed", async () => {
    const email = "private.person@somewhere.test";
    const broken = await brokenTenant(acme.slug, "D1_ERROR: no such table: x: SQLITE_ERROR");
    const body = { email, password: PASSWORD };
    const { reply, entries } = await lineOf(
      "POST",
      `${acme.api}/auth/login`,
      { body },
      { ...broken, LOG_LEVEL: "info" },
    );
    expect(reply.status).toBe(500);
    expect(JSON.stringify(entries)).not.toContain(email);
  });

  it("has no request line while the settings are wrong, but one that says which", async () => {
    const { entries } = await captureLogs(() =>
      callWith({ REGISTRATION: "maybe" }, "GET", `${PLATFORM_ORIGIN}/`),
    );
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      level: "error",
      error: expect.stringContaining("REGISTRATION"),
    });
  });

  it("at level info no value of a request body appears", async () => {
    const values = {
      email: "body-canary@somewhere.test",
      password: `${PASSWORD}-body-canary`,
      first_name: "body-canary-first",
      last_name: "body-canary-last",
    };
    const { token } = acme.admin;
    const info = { LOG_LEVEL: "info" };
    const { entries, lines } = await captureLogs(async () => {
      const send = (path: string, body: object, raw?: string) =>
        callWith(info, "POST", acme.api + path, { token, ...(raw ? { raw } : { body }) });
      await send("/users", { ...values, role: "user" });
      await send("/users", { ...values, role: "user" });
      await send("/users", { ...values, role: "body-canary-role" });
      await send("/users", {}, `{"email": "body-canary`);
      await send("/auth/login", { email: values.email, password: values.password });
      await send("/auth/login", { email: values.email, password: "body-canary-wrong" });
      await send("/auth/refresh", { refresh_token: "body-canary-token" });
    });
    expect(entries.filter(({ message }) => message === "request")).toHaveLength(7);
    expect(lines.filter((line) => line.includes("body-canary"))).toEqual([]);
  });

  it("at level warn says nothing of what goes well", async () => {
    const { entries } = await captureLogs(() =>
      callWith({ LOG_LEVEL: "warn" }, "GET", `${acme.origin}/health`),
    );
    expect(entries).toEqual([]);
  });

  describe("trace ids", () => {
    it.each([
      ["as the caller sent it", `00-${TRACE}-00f067aa0ba902b7-01`],
      ["of a later version", `cc-${TRACE}-00f067aa0ba902b7-01-more`],
    ])("%s", (_, header) => {
      expect(traceIdOf(header)).toBe(TRACE);
    });

    it.each([
      undefined,
      "",
      TRACE,
      `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`,
      `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
      `00-${TRACE}-00f067aa0ba902b7`,
      `00-${TRACE}0-00f067aa0ba902b7-01`,
      `00-${TRACE}-00f067aa0ba902b7-01x`,
    ])("a new one instead of %j", (header) => {
      const id = traceIdOf(header);
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect(id).not.toBe(TRACE);
      expect(traceIdOf(header)).not.toBe(id);
    });
  });
});

describe("the job log", () => {
  /** By the names of their jobs: those of one cron run at once. */
  const linesOf = (entries: readonly { message: string; job?: unknown }[]) =>
    entries
      .filter(({ message }) => message === "job")
      .sort((one, other) => (String(one.job) < String(other.job) ? -1 : 1));

  /** The jobs of each cron: trips to the control database, and calls of the queue for two tenants. */
  const JOBS = {
    // A run is logged when it begins and when it ends.
    "* * * * *": {
      "provisioning.resume": [3, 0],
      "tenants.sync_state": [3, 0],
      "rounds.sweep": [3, 1],
      "jobs.catch_up": [2, 0],
      "migrations.advance": [3, 0],
      "tenants.purge": [3, 0],
    },
    "0 * * * *": { "jobs.prune": [4, 0], "rounds.cleanup": [3, 1] },
    "10 */4 * * *": { "rounds.idle": [3, 1] },
  };

  it.each(Object.entries(JOBS))("has one line for each schedule of %s", async (cron, jobs) => {
    for (const activeAt of [Date.now(), null]) {
      await (env as unknown as Bindings).CONTROL_DB.prepare("UPDATE tenants SET active_at = ?")
        .bind(activeAt)
        .run();
      // Who was not heard of lately is left to the rounds past all.
      const idle = { "rounds.sweep": [3, 0], "rounds.cleanup": [3, 0] };
      const left = Object.entries(idle).filter(([name]) => activeAt === null && name in jobs);
      await expectLines(cron, { ...jobs, ...Object.fromEntries(left) });
    }
  });

  async function expectLines(cron: string, jobs: Readonly<Record<string, number[]>>) {
    const own = { ...(env as unknown as Bindings), ...keptQueues().bindings };
    const { entries } = await captureLogs(() => tick(own, cron));
    const lines = linesOf(entries) as unknown as Record<string, unknown>[];
    expect(lines.map(({ job }) => job)).toEqual(Object.keys(jobs).sort());
    for (const line of lines) {
      const [trips, sends] = jobs[String(line.job)] ?? [];
      expect(line).toEqual({
        time: expect.any(String),
        level: "info",
        message: "job",
        request_id: expect.stringMatching(/^req_/),
        trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
        job: expect.any(String),
        tenant: null,
        principal: expect.stringMatching(/^job:/),
        status: "ok",
        duration_ms: expect.any(Number),
        tenant_d1_trips: 0,
        control_d1_trips: trips,
        queue_sends: sends,
        durable_object_calls: 0,
      });
    }
  }

  it("has one line for each ring of a doorbell, with the tenant", async () => {
    const [tenant, idle] = [await newTenant(), await newTenant()];
    const queues = keptQueues();
    const own = { ...(env as unknown as Bindings), ...queues.bindings };
    const service = await addService(tenant, "generic", { max_attempts: 1 });
    const refund = eventOf(service, "ref-1", "payment.refunded", { payment_id: "none" });
    const { url, headers, body } = await signed(service, refund);
    expect((await callWith(own, "POST", url, { headers, raw: body })).status).toBe(202);
    const [drain] = queues.take().map((sent) => sent.body);
    if (!drain) throw new Error("No doorbell was rung.");
    const gone = { ...drain, slug: "nobody-here" };
    const rings = [drain, drain, { ...drain, tenant_id: idle.id, slug: idle.slug }, gone];
    const { entries } = await captureLogs(() => ring(rings, "doorbells", own));
    const lines = new Map(linesOf(entries).map((line) => [Object(line).tenant, line]));
    expect(linesOf(entries)).toHaveLength(3);
    expect(lines.get(tenant.slug)).toMatchObject({
      level: "info",
      job: "webhooks.drain",
      request_id: expect.stringMatching(/^req_/),
      principal: "job:webhooks.drain",
      status: "ok",
      // Said once to the dead-letter queue.
      queue_sends: 1,
    });
    expect(lines.get(idle.slug)).toMatchObject({ job: "webhooks.drain", queue_sends: 0 });
    expect(lines.get(null)).toMatchObject({ job: "webhooks.drain", status: "failed" });

    const [buried] = queues.take();
    expect(buried).toMatchObject({ queue: "dead-letters", body: { tenant_id: tenant.id } });
    const burial = await captureLogs(() => ring([Object(buried).body], "dead-letters", own));
    expect(linesOf(burial.entries)).toMatchObject([
      { job: "webhooks.dead_letter", tenant: tenant.slug, status: "ok", queue_sends: 0 },
    ]);
  });

  it("tells of a job that failed, runs the others, and fails the invocation", async () => {
    const ran: string[] = [];
    const schedules = ["first", "second", "third"].map((name) => ({
      name,
      cron: name === "third" ? "0 0 * * *" : "* * * * *",
      run: async () => {
        ran.push(name);
        if (name === "first") throw new Error("canary cause");
      },
    }));
    const own = env as unknown as Bindings;
    const { entries, result } = await captureLogs(() =>
      runSchedules(schedules, "* * * * *", own).catch((error: unknown) => error),
    );
    expect(ran).toEqual(["first", "second"]);
    expect(result).toBeInstanceOf(AggregateError);
    expect(linesOf(entries)).toMatchObject([
      { job: "first", status: "failed" },
      { job: "jobs.catch_up", status: "ok" },
      { job: "second", status: "ok" },
    ]);
    const [failed] = entries.filter(({ level }) => level === "error");
    expect(failed).toMatchObject({ job: "first", error: "Error: canary cause" });
  });

  it("tells of a control database that is down", async () => {
    const own = { ...(env as unknown as Bindings), ...brokenControl() };
    const { entries } = await captureLogs(() => tick(own).catch(() => undefined));
    expect(linesOf(entries)).toMatchObject([
      { job: "jobs.catch_up", status: "failed" },
      { job: "migrations.advance", status: "failed" },
      { job: "provisioning.resume", status: "failed" },
      { job: "rounds.sweep", status: "failed" },
      { job: "tenants.purge", status: "failed" },
      { job: "tenants.sync_state", status: "failed" },
    ]);
  });
});
