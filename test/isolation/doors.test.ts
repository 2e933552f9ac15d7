/** Whose door a request comes to, and what happens when nobody, or nobody yet, is at home. */

import { decodeJwt } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { DRAIN } from "../../src/features/webhooks/ring-drain.ts";
import { newId } from "../../src/platform/ids.ts";
import { doorbell } from "../../src/platform/jobs/doorbell.ts";
import {
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  type TestTenant,
} from "../support/client.ts";
import { SECOND, standingClock } from "../support/clock.ts";
import {
  addService,
  deliver,
  eventOf,
  eventually,
  post,
  SECRET,
  signed,
} from "../support/webhooks.ts";
import {
  bindings,
  databaseOfTenant,
  firstValue,
  openWorker,
  registryOf,
  ring,
} from "../support/worker.ts";
import { GOLDEN } from "./golden.ts";
import { newHouse, ownerCredential, send } from "./houses.ts";
import { isSuccess } from "./observe.ts";

// The tokens of the first minute serve all tests.
const { pass } = standingClock({ between: 0 });

let acme: TestTenant;
let zeta: TestTenant;
let operator: Caller;
beforeAll(async () => {
  [acme, zeta, operator] = [await newTenant("acme"), await newTenant("zeta"), await newOperator()];
});

describe("the host decides", () => {
  const current = (origin: string, headers = {}, token = acme.admin.token) =>
    call("GET", `${origin}/api/v1/tenants/current`, { token, headers });

  it.each([
    "http://acme.rowhouse.test",
    "http://acme.rowhouse.test:8080",
    "https://acme.rowhouse.test",
    "http://ACME.RowHouse.TEST",
    "http://acme.rowhouse.test.",
    "http://acme.rowhouse.test.:8080",
    "http://%61cme.rowhouse.test",
    "http://ａcme.rowhouse.test",
  ])("%s is acme's door", async (origin) => {
    expect((await current(origin)).json).toMatchObject({ id: acme.id, url: acme.origin });
  });

  it.each([
    "http://rowhouse.test",
    "http://rowhouse.test:8080",
    "http://ROWHOUSE.test.",
    "http://api.rowhouse.test",
    "http://www.rowhouse.test",
  ])("%s is the platform's door", async (origin) => {
    const reply = await call("GET", `${origin}/api/v1/auth/me`, { token: operator.token });
    expect(reply.json).toMatchObject({ id: operator.id });
    expect(problemOf(await current(origin))).toBe("not-found");
  });

  it.each([
    ["an unknown tenant", "http://nobody.rowhouse.test"],
    ["a nested subdomain", "http://www.acme.rowhouse.test"],
    ["a tenant below a tenant", "http://zeta.acme.rowhouse.test"],
    ["two trailing dots", "http://acme.rowhouse.test.."],
    ["an empty label", "http://acme..rowhouse.test"],
    ["another base domain", "http://acme.example.test"],
    ["no tenant of another base domain", "http://example.test"],
    ["a base domain that ends alike", "http://acmerowhouse.test"],
    ["a base domain that starts alike", "http://acme.rowhouse.test.evil.test"],
    ["the top level", "http://test"],
    ["an address", "http://127.0.0.1"],
    ["an IPv6 address", "http://[::1]"],
    ["an underscore", "http://ac_me.rowhouse.test"],
    ["a dash at the start", "http://-acme.rowhouse.test"],
    ["punycode", "http://xn--acme-epa.rowhouse.test"],
    ["a reserved word", "http://admin.rowhouse.test"],
    ["one letter too many", `http://${"a".repeat(41)}.rowhouse.test`],
  ])("%s is nobody's door", async (_, origin) => {
    for (const path of ["/", "/health", "/docs", "/openapi.json", "/api/v1/auth/me", "/nowhere"]) {
      const reply = await call("GET", `${origin}${path}`, { token: acme.admin.token });
      expect(reply.status, path).toBe(404);
      expect(problemOf(reply)).toBe("tenant-not-found");
    }
  });

  it("and no header does", async () => {
    const headers = {
      "x-forwarded-host": "zeta.rowhouse.test",
      "x-original-host": "zeta.rowhouse.test",
      "x-tenant": "zeta",
      "x-tenant-id": zeta.id,
      forwarded: "host=zeta.rowhouse.test",
      host: "zeta.rowhouse.test",
    };
    expect((await current(acme.origin, headers)).json).toMatchObject({ id: acme.id });
    const foreign = await current(acme.origin, headers, zeta.admin.token);
    expect(problemOf(foreign)).toBe("unauthenticated");
    const nobody = await call("GET", "http://nobody.rowhouse.test/", { headers });
    expect(problemOf(nobody)).toBe("tenant-not-found");
  });

  it("but what tokens and links name is the registry's", async () => {
    const { email } = acme.admin;
    const reply = await call("POST", "https://ACME.rowhouse.test.:8443/api/v1/auth/login", {
      body: { email, password: PASSWORD },
      headers: { "x-forwarded-host": "evil.test" },
    });
    expect(decodeJwt(reply.json.access_token)).toMatchObject({
      iss: acme.origin,
      aud: acme.origin,
    });
    expect(reply.text).not.toMatch(/evil|8443/);
    expect((await current(acme.origin, {}, reply.json.access_token)).status).toBe(200);
  });

  it("and a body only where it is meant to", async () => {
    const body = { email: acme.admin.email, password: PASSWORD, tenant_slug: "acme" };
    const signIn = (origin: string, tenant_slug: string) =>
      call("POST", `${origin}/api/v1/auth/login`, { body: { ...body, tenant_slug } });
    const entered = await signIn(PLATFORM_ORIGIN, "acme");
    expect((await current(acme.origin, {}, entered.json.access_token)).status).toBe(200);
    expect(problemOf(await signIn(PLATFORM_ORIGIN, "zeta"))).toBe("invalid-credentials");
    expect(problemOf(await signIn(PLATFORM_ORIGIN, "nobody"))).toBe("tenant-not-found");
    for (const slug of ["acme", "zeta"]) {
      expect(problemOf(await signIn(acme.origin, slug))).toBe("validation-failed");
    }
    const register = await call("POST", `${acme.api}/users`, {
      token: acme.admin.token,
      body: { tenant_id: zeta.id, tenant: "zeta" },
    });
    expect(problemOf(register)).toBe("validation-failed");
  });
});

const RECEIVING = ["POST /api/v1/webhooks/{service}", "POST /api/v1/webhooks/{service}/batch"];

/** What every door shows to everybody. */
const PUBLIC = ["/", "/health", "/ready", "/docs", "/openapi.json", "/.well-known/jwks.json"];
const open = (origin: string) =>
  Promise.all(PUBLIC.map(async (path) => (await call("GET", `${origin}${path}`)).status));

const STREAM = "GET /api/v1/signals/stream";

describe("a suspended tenant", () => {
  it("is told so on every route that wants a caller, and where one signs in", async () => {
    const house = await newHouse();
    const { tenant } = house;
    const move = (verb: string) =>
      call("POST", `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}/${verb}`, {
        token: operator.token,
      });
    const stream = { stream: house };
    const ticket = await ownerCredential({ owner: house.staff.admin }, stream);
    expect((await move("suspend")).json).toMatchObject({ status: "suspended" });
    pass(5 * SECOND);
    const watching = await send(STREAM, "tenant", house, stream, ticket);
    expect(problemOf(watching)).toBe("tenant-suspended");
    const { id, refreshToken, email } = house.staff.admin;
    const signIns = [
      ["POST", "/auth/login", { email, password: PASSWORD }],
      ["POST", "/auth/login", { email, password: "not-the-password" }],
      ["POST", "/auth/login", { email: "nobody@nowhere.test", password: PASSWORD }],
      ["POST", "/auth/refresh", { refresh_token: refreshToken }],
    ] as const;
    for (const [method, path, body] of signIns) {
      const reply = await call(method, `${tenant.api}${path}`, { body });
      expect(problemOf(reply), path).toBe("tenant-suspended");
    }
    const slug = { email, password: PASSWORD, tenant_slug: tenant.slug };
    const outside = await call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/login`, { body: slug });
    expect(problemOf(outside)).toBe("tenant-suspended");

    // Where a signature is asked for no caller comes in: see the next test. Nor where a ticket is.
    const closed = GOLDEN.filter(
      ({ operation, cells }) =>
        isSuccess(cells.tenant.admin) &&
        cells.tenant.none === 401 &&
        operation !== STREAM &&
        !RECEIVING.includes(operation),
    );
    expect(closed.length).toBeGreaterThan(10);
    const database = await databaseOfTenant(tenant.slug);
    for (const { operation } of closed) {
      for (const caller of Object.values(house.staff)) {
        const target = operation.startsWith("GET")
          ? { params: { id } }
          : { params: { id }, body: {} };
        const reply = await send(operation, "tenant", house, target, caller);
        expect(problemOf(reply), operation).toBe("tenant-suspended");
      }
      const wrong = await send(operation, "tenant", house, {}, {});
      expect(problemOf(wrong), operation).toBe("unauthenticated");
    }
    expect(await database.prepare("SELECT count(*) AS n FROM users").first("n")).toBe(5);
    expect(await open(tenant.origin)).toEqual(PUBLIC.map(() => 200));

    expect((await move("activate")).json).toMatchObject({ status: "active" });
    pass(5 * SECOND);
    const back = await send("GET /api/v1/auth/me", "tenant", house, {}, house.staff.user);
    expect(back.status).toBe(200);
  });

  it("has its webhooks stored and held, and processed when it is active again", async () => {
    const { tenant, service, staff } = await newHouse();
    const move = (verb: string) =>
      call("POST", `${PLATFORM_ORIGIN}/api/v1/tenants/${tenant.id}/${verb}`, {
        token: operator.token,
      });
    expect((await move("suspend")).json).toMatchObject({ status: "suspended" });
    pass(5 * SECOND);
    const one = await post(service, "held-1");
    const many = await signed(service, `[${eventOf(service, "held-2")}]`, { path: "/batch" });
    const batch = await deliver(many);
    expect([one.status, batch.status], one.text + batch.text).toEqual([202, 202]);
    expect(problemOf(await post({ ...service, secret: `${SECRET}-forged` }, "held-3"))).toBe(
      "invalid-signature",
    );
    const health = (token?: string) => call("GET", `${tenant.api}/webhooks/health`, { token });
    expect((await health()).status).toBe(200);
    expect(problemOf(await health(staff.admin.token))).toBe("tenant-suspended");
    // A consumer that is called now looks, and takes nothing.
    expect(await ring([doorbell(DRAIN, tenant).body])).toEqual([]);
    const database = await databaseOfTenant(tenant.slug);
    const held = "SELECT group_concat(status || ' ' || attempts) FROM webhook_events";
    expect(await firstValue(database, held)).toBe("pending 0,pending 0");

    expect((await move("activate")).json).toMatchObject({ status: "active" });
    pass(5 * SECOND);
    for (const { event_id } of [one.json, ...batch.json.results]) {
      await eventually(tenant, event_id, "completed");
    }
  });
});

describe("a tenant that has left", () => {
  const gone = async (origin: string, token: string) => {
    for (const path of [...PUBLIC, "/api/v1/auth/me"]) {
      const reply = await call("GET", `${origin}${path}`, { token });
      expect(problemOf(reply), path).toBe("tenant-not-found");
    }
  };

  it("looks like one that never was, at once where it left", async () => {
    const left = await newTenant();
    const { token } = left.admin;
    const reply = await call("DELETE", `${left.api}/tenants/current`, { token });
    expect(reply.status).toBe(204);
    await gone(left.origin, token);
    const body = { email: left.admin.email, password: PASSWORD, tenant_slug: left.slug };
    const outside = await call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/login`, { body });
    const never = await call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/login`, {
      body: { ...body, tenant_slug: "never" },
    });
    expect(bare(outside)).toEqual(bare(never));
    expect(bare(await call("GET", left.origin))).toEqual(
      bare(await call("GET", "http://never.rowhouse.test")),
    );
  });

  it("elsewhere serves no caller after 5 seconds, and nobody after a minute", async () => {
    const left = await newTenant();
    const { token } = left.admin;
    const me = () => call("GET", `${left.api}/auth/me`, { token });
    expect((await me()).status).toBe(200);
    await setState(left.slug, "deactivated");
    await (await databaseOfTenant(left.slug)).exec("UPDATE realm SET status = 'deactivated'");
    pass(5 * SECOND);
    expect(problemOf(await me())).toBe("tenant-not-found");
    pass(55 * SECOND);
    await gone(left.origin, token);
  });

  it("receives no webhook any more, at once where it left and elsewhere after 5 seconds", async () => {
    for (const isHere of [true, false]) {
      const left = await newTenant();
      const service = await addService(left);
      expect((await post(service, "before")).status).toBe(202);
      if (isHere) await call("DELETE", `${left.api}/tenants/current`, { token: left.admin.token });
      else {
        await setState(left.slug, "deactivated");
        await (await databaseOfTenant(left.slug)).exec("UPDATE realm SET status = 'deactivated'");
        pass(5 * SECOND);
      }
      expect(problemOf(await post(service, "after"))).toBe("tenant-not-found");
      const ids = "SELECT group_concat(provider_id) FROM webhook_events";
      expect(await firstValue(await databaseOfTenant(left.slug), ids)).toBe("before");
    }
  });
});

/** A problem without what differs from request to request. */
function bare(reply: Reply) {
  const { request_id: _, ...document } = reply.json;
  const headers = Object.fromEntries(reply.headers);
  for (const name of ["x-request-id", "ratelimit"]) delete headers[name];
  return { document, headers };
}

async function setState(slug: string, state: string): Promise<void> {
  await bindings.CONTROL_DB.prepare("UPDATE tenants SET state = ? WHERE slug = ?")
    .bind(state, slug)
    .run();
}

/** A row of the registry, made of a real tenant's: the doors know nothing of it yet. */
async function registryRow(slug: string, changes: Record<string, unknown>): Promise<void> {
  const row = { ...(await registryOf("acme")), id: newId("tenant"), slug, ...changes };
  const names = Object.keys(row);
  await bindings.CONTROL_DB.prepare(
    `INSERT INTO tenants (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
  )
    .bind(...Object.values(row))
    .run();
}

describe("a tenant on its way", () => {
  it.each(["claimed", "migrating", "seeding"])("is asked to wait while %s", async (state) => {
    await registryRow(`way-${state}`, { state, binding: `TENANT_DB_way_${state}` });
    for (const path of [...PUBLIC, "/api/v1/auth/me"]) {
      const reply = await call("GET", `http://way-${state}.rowhouse.test${path}`, {
        token: acme.admin.token,
      });
      expect(problemOf(reply), path).toBe("tenant-provisioning");
      expect(reply.status).toBe(503);
      expect(reply.headers.get("retry-after")).toBe("2");
    }
    const body = { email: "a@b.test", password: PASSWORD, tenant_slug: `way-${state}` };
    const outside = await call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/login`, { body });
    expect(problemOf(outside)).toBe("tenant-provisioning");
  });

  it("is at home 2 seconds after it has arrived", async () => {
    const tenant = await newTenant();
    await setState(tenant.slug, "seeding");
    pass(60 * SECOND);
    const health = () => call("GET", `${tenant.origin}/health`);
    expect(problemOf(await health())).toBe("tenant-provisioning");
    await setState(tenant.slug, "active");
    pass(2 * SECOND);
    expect((await health()).status).toBe(200);
  });
});

it("a tenant of another cell is answered there, and nowhere else", async () => {
  await registryRow("elsewhere", { cell: "other-1" });
  const there = openWorker({ CELL: "other-1" });
  const asked = {
    elsewhere: "http://elsewhere.rowhouse.test/health",
    acme: `${acme.origin}/health`,
  };
  expect((await there.call("GET", asked.elsewhere)).status).toBe(200);
  const strangers = [
    [await call("GET", asked.elsewhere), "other-1"],
    [await there.call("GET", asked.acme), "test-1"],
  ] as const;
  for (const [reply, home] of strangers) {
    expect([reply.status, problemOf(reply)]).toEqual([421, "misdirected"]);
    expect(reply.headers.get("rowhouse-cell")).toBe(home);
  }
});
