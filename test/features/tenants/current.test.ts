import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  addUser,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";

const ROLES = ["manager", "user", "readonly"] as const;

describe("the tenant of a door", () => {
  let acme: TestTenant;
  beforeAll(async () => {
    acme = await newTenant();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const as = (token: string, method: string, body?: unknown, headers = {}) =>
    call(method, `${acme.api}/tenants/current`, { token, body, headers });

  it("is shown to every role, without what is not the tenant's", async () => {
    const tokens = [acme.admin.token];
    for (const role of ROLES) tokens.push((await addUser(acme, role)).token);
    const policy = { limit: expect.any(Number), window_seconds: 60 };
    for (const token of tokens) {
      const reply = await as(token, "GET");
      expect(reply.json).toEqual({
        id: acme.id,
        slug: acme.slug,
        name: `Company ${acme.slug}`,
        url: acme.origin,
        status: "active",
        plan: "standard",
        limits: { tenant: policy, user: policy, webhooks: policy },
        sla_response_time_ms: 800,
        sla_error_rate_percent: 2,
        sla_downtime_minutes: 5,
        evaluation_window_minutes: 3,
        created_at: expect.any(String),
        updated_at: expect.any(String),
      });
      expect(reply.headers.get("etag")).toMatch(/^"1\./);
    }
  });

  it("is renamed by its admin, by version, and that is audited", async () => {
    const { token } = acme.admin;
    const tag = (await as(token, "GET")).headers.get("etag") ?? "";
    const name = "Acme & Söhne „GmbH“";
    const changed = await as(token, "PUT", { name }, { "if-match": tag });
    expect(changed.json.name).toBe(name);
    expect((await as(token, "GET")).json).toEqual(changed.json);
    expect(problemOf(await as(token, "PUT", { name: "Late" }, { "if-match": tag }))).toBe(
      "precondition-failed",
    );
    const log = await call("GET", `${acme.api}/audit?action=tenant.updated`, { token });
    expect(log.json.data).toHaveLength(1);
    expect(log.json.data[0]).toMatchObject({
      target: acme.id,
      principal: `user:${acme.admin.id}`,
      private: { old: { name: `Company ${acme.slug}` }, new: { name } },
    });
  });

  it("is given what it promises by its admin, one setting or all, and that is audited", async () => {
    const { token } = acme.admin;
    const before = (await as(token, "GET")).json;
    const one = { sla_response_time_ms: 500 };
    const changed = await as(token, "PUT", one);
    expect(changed.status, changed.text).toBe(200);
    expect(changed.json).toEqual({ ...before, ...one, updated_at: expect.any(String) });
    const all = {
      name: "Acme Ltd.",
      sla_response_time_ms: 600_000,
      sla_error_rate_percent: 0.125,
      sla_downtime_minutes: 0,
      evaluation_window_minutes: 1_440,
    };
    expect((await as(token, "PUT", all)).json).toMatchObject(all);
    // What is as it was is no change.
    const reply = await as(token, "PUT", { ...all, sla_error_rate_percent: 100 });
    expect((await as(token, "GET")).json).toEqual(reply.json);
    expect(reply.json).toMatchObject({ ...all, sla_error_rate_percent: 100 });
    const log = await call("GET", `${acme.api}/audit?action=tenant.updated&limit=3`, { token });
    const details = log.json.data.map((entry: { private: unknown }) => entry.private);
    const { name, sla_error_rate_percent, sla_downtime_minutes, evaluation_window_minutes } =
      before;
    expect(details).toMatchObject([
      { old: { sla_error_rate_percent: 0.125 }, new: { sla_error_rate_percent: 100 } },
      {
        old: {
          name,
          ...one,
          sla_error_rate_percent,
          sla_downtime_minutes,
          evaluation_window_minutes,
        },
        new: all,
      },
      { old: { sla_response_time_ms: 800 }, new: one },
    ]);
    expect(Object.keys(details[0].old)).toEqual(["sla_error_rate_percent"]);
    expect(Object.keys(details[2].new)).toEqual(["sla_response_time_ms"]);
  });

  it.each([
    ['{"sla_response_time_ms": 0}', "/sla_response_time_ms"],
    ['{"sla_response_time_ms": 600001}', "/sla_response_time_ms"],
    ['{"sla_response_time_ms": 0.5}', "/sla_response_time_ms"],
    ['{"sla_response_time_ms": "800"}', "/sla_response_time_ms"],
    ['{"sla_response_time_ms": null}', "/sla_response_time_ms"],
    ['{"sla_error_rate_percent": -0.001}', "/sla_error_rate_percent"],
    ['{"sla_error_rate_percent": 100.001}', "/sla_error_rate_percent"],
    ['{"sla_error_rate_percent": 1e999}', "/sla_error_rate_percent"],
    ['{"sla_downtime_minutes": -1}', "/sla_downtime_minutes"],
    ['{"sla_downtime_minutes": 44641}', "/sla_downtime_minutes"],
    ['{"evaluation_window_minutes": 0}', "/evaluation_window_minutes"],
    ['{"evaluation_window_minutes": 1441}', "/evaluation_window_minutes"],
    ['{"evaluation_window_minutes": 1.5}', "/evaluation_window_minutes"],
    ['{"name": null}', "/name"],
    ["{}", ""],
  ])("refuses %s, and nothing is changed", async (raw, pointer) => {
    const { token } = acme.admin;
    const before = (await as(token, "GET")).text;
    const put = { token, raw, headers: { "content-type": "application/json" } };
    const reply = await call("PUT", `${acme.api}/tenants/current`, put);
    expect(problemOf(reply), reply.text).toBe("validation-failed");
    expect(reply.json.errors).toMatchObject([{ pointer }]);
    expect((await as(token, "GET")).text).toBe(before);
  });

  it("keeps the operators' name for it", async () => {
    const operator = await newOperator();
    await as(acme.admin.token, "PUT", { name: "Own name" });
    const url = `${PLATFORM_ORIGIN}/api/v1/tenants/${acme.id}`;
    const seen = await call("GET", url, { token: operator.token });
    expect(seen.json.name).toBe(`Company ${acme.slug}`);
  });

  it.each([
    { plan: "business" },
    { slug: "better" },
    { status: "active" },
    { state: "active" },
    { limits: { requests: 1 } },
    { id: "tenant_00000000000000000000000000" },
    { url: "http://evil.test" },
  ])("does not take %j", async (more) => {
    const { token } = acme.admin;
    const before = (await as(token, "GET")).text;
    const reply = await as(token, "PUT", { name: "Better", ...more });
    expect(problemOf(reply)).toBe("validation-failed");
    expect(reply.json.errors).toEqual([
      { pointer: `/${Object.keys(more)[0]}`, message: "is not known" },
    ]);
    expect((await as(token, "GET")).text).toBe(before);
  });

  it("is not for other roles to change or close", async () => {
    for (const role of ROLES) {
      const { token } = await addUser(acme, role);
      for (const [method, body] of [["PUT", { name: "X" }], ["DELETE"]] as const) {
        const reply = await as(token, method, body);
        expect(problemOf(reply), `${role} ${method}`).toBe("permission-denied");
      }
    }
  });

  it("is not there on the platform's door", async () => {
    const operator = await newOperator();
    const url = `${PLATFORM_ORIGIN}/api/v1/tenants/current`;
    for (const [method, body] of [["GET"], ["PUT", { name: "X" }], ["DELETE"]] as const) {
      const reply = await call(method, url, { token: operator.token, body });
      expect(problemOf(reply), method).toBe("not-found");
    }
  });

  it("is closed by its admin within 5 seconds, for everybody, and opened by operators", async () => {
    const [tenant, operator] = [await newTenant(), await newOperator()];
    const user = await addUser(tenant, "user");
    const { token } = tenant.admin;
    const current = `${tenant.api}/tenants/current`;
    // The tenant's version is in another database than its state: no condition is read here.
    const closed = await call("DELETE", current, { token, headers: { "if-match": '"7"' } });
    expect(closed.status).toBe(204);
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 5_000);
    for (const caller of [tenant.admin, user]) {
      const reply = await call("GET", current, { token: caller.token });
      expect(problemOf(reply)).toBe("tenant-not-found");
    }
    const url = `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}`;
    const opened = await call("POST", `${url}/activate`, { token: operator.token });
    expect(opened.json.state).toBe("active");
    vi.setSystemTime(Date.now() + 5_000);
    expect((await call("GET", current, { token })).json.status).toBe("active");
    const log = await call("GET", `${tenant.api}/audit?target=${tenant.id}`, { token });
    expect(log.json.data.map(({ action }: { action: string }) => action)).toEqual([
      "tenant.activated",
      "tenant.deactivated",
      "tenant.registered",
    ]);
  });
});
