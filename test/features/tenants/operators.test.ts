import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { brokenTenant } from "../../support/broken.ts";
import {
  type Caller,
  call,
  callWith,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  signIn,
  type TestTenant,
} from "../../support/client.ts";
import { openCell } from "../../support/open-cell.ts";
import { databaseOfTenant, firstValue, tick } from "../../support/worker.ts";

const API = `${PLATFORM_ORIGIN}/api/v1`;
/** What an isolate believes of a caller is asked again after this. */
const CALLER_TTL_MS = 5_000;

describe("tenants, to operators", () => {
  let operator: Caller;
  beforeAll(async () => {
    operator = await newOperator();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const as = (method: string, path: string, body?: unknown, headers = {}) =>
    call(method, `${API}${path}`, { token: operator.token, body, headers });
  const me = (tenant: TestTenant) =>
    call("GET", `${tenant.api}/auth/me`, { token: tenant.admin.token });
  const later = (ms: number) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + ms);
  };
  const actionsOn = async (id: string) => {
    const log = await as("GET", `/audit?target=${id}&limit=100`);
    return log.json.data.map(({ action }: { action: string }) => action);
  };

  const company = (slug: string) => ({
    company_name: `Company ${slug}`,
    slug,
    admin_email: `admin@${slug}.test`,
    admin_password: PASSWORD,
    admin_first_name: "Ada",
    admin_last_name: "Admin",
  });

  it("are created, with an admin who may sign in at once", async () => {
    const created = await as("POST", "/tenants", company("created"));
    expect(created.status).toBe(201);
    expect(created.json).toEqual({
      id: expect.stringMatching(/^tenant_/),
      slug: "created",
      name: "Company created",
      url: "http://created.rowhouse.test",
      status: "active",
    });
    expect(created.text).not.toContain("token");
    const read = await call("GET", `${PLATFORM_ORIGIN}${created.headers.get("location")}`, {
      token: operator.token,
    });
    expect(read.json).toMatchObject({ ...created.json, plan: "standard", state: "active" });
    await signIn("http://created.rowhouse.test/api/v1", "admin@created.test");
    expect(await actionsOn(created.json.id)).toContain("tenant.claimed");
  });

  it("are created without signing their admin in", async () => {
    const created = await as("POST", "/tenants", company("quiet"));
    expect(created.status).toBe(201);
    const inside = await databaseOfTenant("quiet");
    expect(await firstValue(inside, "SELECT count(*) FROM sessions")).toBe(0);
    expect(await firstValue(inside, "SELECT count(*) FROM devices")).toBe(0);
    expect(await firstValue(inside, "SELECT last_sign_in_at FROM users")).toBeNull();
    const { results } = await inside.prepare("SELECT action, principal FROM audit_log").all();
    expect(results.map(({ action }) => action)).not.toContain("session.started");
    expect(new Set(results.map(({ principal }) => principal))).toEqual(
      new Set([`operator:${operator.id}`]),
    );
  });

  it.each([
    ["a slug that is taken", { slug: "taken" }, "slug-taken", 409],
    ["a slug that is reserved", { slug: "admin" }, "slug-reserved", 409],
    ["a slug that is none", { slug: "-no-" }, "validation-failed", 422],
    ["a password that is easy", { admin_password: "password1234" }, "validation-failed", 422],
    ["an invitation, which is for others", { invitation: "x" }, "validation-failed", 422],
  ])("are not created with %s", async (_, change, problem, status) => {
    await as("POST", "/tenants", company("taken"));
    const before = (await as("GET", "/tenants?limit=100")).json.data.length;
    const reply = await as("POST", "/tenants", { ...company(`fresh-${status}`), ...change });
    expect(problemOf(reply)).toBe(problem);
    expect(reply.status).toBe(status);
    expect((await as("GET", "/tenants?limit=100")).json.data).toHaveLength(before);
  });

  it("are read and changed by version, and every change is audited", async () => {
    const { id } = await newTenant();
    const read = await as("GET", `/tenants/${id}`);
    const tag = read.headers.get("etag") ?? "";
    const changed = await as("PUT", `/tenants/${id}`, { plan: "business" }, { "if-match": tag });
    expect(changed.json).toMatchObject({ plan: "business", name: read.json.name });
    expect(Date.parse(changed.json.updated_at)).toBeGreaterThanOrEqual(
      Date.parse(read.json.updated_at),
    );
    const stale = await as("PUT", `/tenants/${id}`, { name: "Late" }, { "if-match": tag });
    expect(problemOf(stale)).toBe("precondition-failed");
    expect((await as("PUT", `/tenants/${id}`, { name: "Renamed" })).json.name).toBe("Renamed");
    expect((await as("GET", `/tenants/${id}`)).json).toMatchObject({
      name: "Renamed",
      plan: "business",
    });
    const log = await as("GET", `/audit?target=${id}&action=tenant.updated`);
    expect(log.json.data).toHaveLength(2);
    expect(log.json.data[0]).toMatchObject({
      principal: `operator:${operator.id}`,
      private: { old: { plan: "business" }, new: { name: "Renamed", plan: "business" } },
    });
  });

  it.each([
    [{}, ""],
    [{ slug: "other" }, "/slug"],
    [{ state: "active" }, "/state"],
    [{ status: "active" }, "/status"],
    [{ cell: "other" }, "/cell"],
    [{ plan: "free" }, "/plan"],
    [{ name: "" }, "/name"],
  ])("are not changed by %j", async (body, pointer) => {
    const { id } = await newTenant();
    const reply = await as("PUT", `/tenants/${id}`, body);
    expect(reply.status).toBe(422);
    expect(reply.json.errors[0].pointer).toBe(pointer);
  });

  it("are listed by state", async () => {
    const { id } = await newTenant();
    await as("POST", `/tenants/${id}/suspend`);
    const listed = async (query: string) => {
      const { json } = await as("GET", `/tenants?limit=100${query}`);
      return json.data.map((tenant: { id: string }) => tenant.id);
    };
    expect(await listed("")).toContain(id);
    expect(await listed("&state=suspended")).toContain(id);
    expect(await listed("&state=active")).not.toContain(id);
    expect(await listed("&state=deactivated")).toEqual([]);
    expect((await as("GET", "/tenants?state=asleep")).status).toBe(422);
  });

  it("suspended, answer 403 within 5 seconds, and serve again when activated", async () => {
    const tenant = await newTenant();
    expect((await me(tenant)).status).toBe(200);
    const suspended = await as("POST", `/tenants/${tenant.id}/suspend`);
    expect(suspended.json).toMatchObject({ status: "suspended", state: "suspended" });
    later(CALLER_TTL_MS);
    const refused = await me(tenant);
    expect(refused.status).toBe(403);
    expect(problemOf(refused)).toBe("tenant-suspended");
    const body = { email: tenant.admin.email, password: PASSWORD };
    const login = await call("POST", `${tenant.api}/auth/login`, { body });
    expect(problemOf(login)).toBe("tenant-suspended");
    const refresh = await call("POST", `${tenant.api}/auth/refresh`, {
      body: { refresh_token: tenant.admin.refreshToken },
    });
    expect(problemOf(refresh)).toBe("tenant-suspended");
    expect((await as("POST", `/tenants/${tenant.id}/activate`)).json.status).toBe("active");
    later(CALLER_TTL_MS);
    expect((await me(tenant)).status).toBe(200);
    expect(await actionsOn(tenant.id)).toEqual(
      expect.arrayContaining(["tenant.state_changed", "tenant.state_synced"]),
    );
  });

  it("deactivated, are nowhere to be found, keep their slug, and may come back", async () => {
    const tenant = await newTenant();
    expect((await as("DELETE", `/tenants/${tenant.id}`)).status).toBe(204);
    later(CALLER_TTL_MS);
    expect(problemOf(await me(tenant))).toBe("tenant-not-found");
    expect((await as("GET", `/tenants/${tenant.id}`)).json.state).toBe("deactivated");
    expect(problemOf(await as("POST", "/tenants", company(tenant.slug)))).toBe("slug-taken");
    expect(problemOf(await as("POST", `/tenants/${tenant.id}/suspend`))).toBe("tenant-state");
    expect((await as("POST", `/tenants/${tenant.id}/activate`)).status).toBe(200);
    later(CALLER_TTL_MS);
    expect((await me(tenant)).status).toBe(200);
  });

  it("in a state already, may be asked for it again", async () => {
    const tenant = await newTenant();
    for (const path of ["suspend", "suspend", "activate", "activate"]) {
      expect((await as("POST", `/tenants/${tenant.id}/${path}`)).status).toBe(200);
    }
    for (let time = 0; time < 2; time++) {
      expect((await as("DELETE", `/tenants/${tenant.id}`)).status).toBe(204);
    }
  });

  it("with a stale version are not deactivated", async () => {
    const tenant = await newTenant();
    const reply = await as("DELETE", `/tenants/${tenant.id}`, undefined, { "if-match": '"1"' });
    expect(problemOf(reply)).toBe("precondition-failed");
    expect((await me(tenant)).status).toBe(200);
  });

  it("whose database is silent are suspended by the job, once it answers", async () => {
    const tenant = await newTenant();
    const broken = await brokenTenant(tenant.slug);
    const suspended = await callWith(broken, "POST", `${API}/tenants/${tenant.id}/suspend`, {
      token: operator.token,
    });
    expect(suspended.json.state).toBe("suspended");
    later(CALLER_TTL_MS);
    expect((await me(tenant)).status).toBe(200);
    await tick();
    later(CALLER_TTL_MS);
    expect(problemOf(await me(tenant))).toBe("tenant-suspended");
  });

  it("of another cell are told by that cell; what only the registry holds any cell changes", async () => {
    const other = openCell("other-1", { from: 190, count: 2 });
    const made = await other.as(operator, "POST", "/tenants", company("far-away"));
    const path = `/tenants/${made.json.id}`;
    for (const [method, to, body] of [
      ["POST", `${path}/suspend`],
      ["POST", `${path}/activate`],
      ["DELETE", path],
      ["PUT", path, { plan: "business" }],
    ] as const) {
      const reply = await as(method, to, body);
      expect(problemOf(reply), `${method} ${to}`).toBe("misdirected");
      expect(reply.headers.get("rowhouse-cell")).toBe("other-1");
    }
    const untouched = { state: "active", plan: "standard", cell: "other-1" };
    expect((await as("GET", path)).json).toMatchObject(untouched);
    expect((await as("PUT", path, { name: "Far Away" })).json.name).toBe("Far Away");

    expect((await other.as(operator, "POST", `${path}/suspend`)).json.state).toBe("suspended");
    const inside = other.env.TENANT_DB_0000;
    expect(await firstValue(inside as D1Database, "SELECT status FROM realm")).toBe("suspended");
  });

  it("that are not there are 404", async () => {
    const nobody = `/tenants/tenant_${"0".repeat(26)}`;
    for (const [method, path, body] of [
      ["GET", nobody],
      ["PUT", nobody, { plan: "business" }],
      ["DELETE", nobody],
      ["POST", `${nobody}/suspend`],
      ["POST", `${nobody}/activate`],
    ] as const) {
      expect(problemOf(await as(method, path, body)), `${method} ${path}`).toBe("not-found");
    }
  });

  it("are not there on a tenant's door, and not for a tenant's admin", async () => {
    const tenant = await newTenant();
    const { token } = tenant.admin;
    for (const path of ["/tenants", `/tenants/${tenant.id}`]) {
      const there = await call("GET", `${tenant.api}${path}`, { token: operator.token });
      expect(there.status).toBe(404);
      expect((await call("GET", `${tenant.api}${path}`, { token })).status).toBe(404);
      expect(problemOf(await call("GET", `${API}${path}`, { token }))).toBe("unauthenticated");
    }
  });
});
