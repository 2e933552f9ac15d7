/** Cells that do not answer, and a registry that does not. */
import { createExecutionContext } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { Cell } from "../../../src/index.ts";
import { forgetRoute } from "../../../src/platform/tenancy/directory.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import {
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { LOST_TEXTS, wrapD1 } from "../../support/d1.ts";
import { CANARY } from "../../support/log-scan.ts";
import { cellNamed, type Door, HOME, openRouter, type TestRouter } from "../../support/routers.ts";
import { bindings } from "../../support/worker.ts";

const HEALTH = `${PLATFORM_ORIGIN}/health`;
const home = { [HOME]: cellNamed(HOME) };
/** What it says may name what is a tenant's. */
const gone: Door = () => Promise.reject(new Error(`no such ${CANARY}`));
/** It opens its doors, and then the line is cut. */
const cut: Door = async () => ({
  fetch: () => Promise.reject(new Error("Network connection lost.")),
});

let made = 0;
/** A tenant in a cell of its own: what the router remembers of a cell is no other test's. */
async function tenantApart(): Promise<{ cell: string; tenant: TestTenant }> {
  const cell = `apart-${++made}`;
  const tenant = await newTenant(`in-${cell}`);
  await bindings.CONTROL_DB.prepare("UPDATE tenants SET cell = ? WHERE slug = ?")
    .bind(cell, tenant.slug)
    .run();
  forgetRoute(tenant.slug);
  return { cell, tenant };
}

const me = (router: TestRouter, { api, admin }: TestTenant) =>
  router.call("GET", `${api}/auth/me`, { token: admin.token });

let neighbour: TestTenant;
beforeAll(async () => {
  neighbour = await newTenant("next-to-an-outage");
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a cell that is down", () => {
  it("takes its own tenants along and nobody else, and says so", async () => {
    const { cell, tenant } = await tenantApart();
    const router = openRouter({ ...home, [cell]: gone });
    const { lines } = await captureLogs(async () => {
      const reply = await me(router, tenant);
      expect([reply.status, problemOf(reply)]).toEqual([503, "not-ready"]);
      expect(reply.headers.get("retry-after")).toBe("5");
      expect(reply.text).not.toContain(CANARY);
      expect((await me(router, neighbour)).status).toBe(200);
      expect((await router.call("GET", HEALTH)).status).toBe(200);
    });
    expect(lines.join("\n")).toContain(`Cell ${cell}: Error`);
    expect(lines.join("\n")).not.toContain(CANARY);
  });

  it("is the same to its tenants when the router does not know it", async () => {
    const { tenant } = await tenantApart();
    const reply = await me(openRouter(home), tenant);
    expect([reply.status, problemOf(reply)]).toEqual([503, "not-ready"]);
  });

  it("is named on the platform's door, where an operator asks for one of its tenants", async () => {
    const { cell, tenant } = await tenantApart();
    const router = openRouter({ ...home, [cell]: gone });
    const body = {
      email: tenant.admin.email,
      password: "whatever-it-is",
      tenant_slug: tenant.slug,
    };
    const reply = await router.call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/login`, { body });
    expect([reply.status, problemOf(reply)]).toEqual([503, "not-ready"]);
    expect(reply.json.detail).toBe(`The cell ${cell} does not answer.`);
  });

  it("leaves the platform's door to another when it is the home cell, a write too", async () => {
    const { cell } = await tenantApart();
    const router = openRouter({ [cell]: gone, ...home }, { HOME_CELL: cell });
    expect((await router.call("GET", HEALTH)).status).toBe(200);
    const login = `${PLATFORM_ORIGIN}/api/v1/auth/login`;
    const body = { email: "nobody@rowhouse.test", password: "whatever-it-is" };
    expect(problemOf(await router.call("POST", login, { body }))).toBe("invalid-credentials");
    expect(router.asked.filter(([name]) => name === HOME)).toHaveLength(2);
    const all = openRouter({ [cell]: gone, [`${cell}-b`]: gone }, { HOME_CELL: cell });
    expect(problemOf(await all.call("GET", HEALTH))).toBe("not-ready");
  });

  it("is asked though it rests, when it is the only one that can answer", async () => {
    const { cell, tenant } = await tenantApart();
    vi.useFakeTimers({ toFake: ["Date"] });
    const doors = [gone, cellNamed(cell), gone];
    const shaky: Door = (route) => (doors.shift() ?? cellNamed(cell))(route);
    const router = openRouter({ [cell]: shaky, ...home }, { HOME_CELL: cell });
    const login = `${PLATFORM_ORIGIN}/api/v1/auth/login`;
    const body = { email: tenant.admin.email, password: PASSWORD, tenant_slug: tenant.slug };
    const signIn = () => router.call("POST", login, { body });
    // Lost in the same request, and then in one before it.
    expect((await signIn()).json?.user?.email).toBe(tenant.admin.email);
    expect((await router.call("GET", HEALTH)).status).toBe(200);
    expect((await signIn()).json?.user?.email).toBe(tenant.admin.email);
    expect(router.asked.map(([name]) => name)).toEqual([
      ...[cell, HOME, cell],
      ...[cell, HOME],
      ...[HOME, cell],
    ]);
  });

  it("is waited for 5 seconds by the first, and then asked by one in half a second", async () => {
    const { cell, tenant } = await tenantApart();
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    let askedAt = 0;
    const hangs: Door = () => {
      askedAt = Date.now();
      return new Promise(() => {});
    };
    const router = openRouter({ ...home, [cell]: hangs });
    const first = me(router, tenant).then(({ status }) => [status, Date.now() - askedAt]);
    await vi.waitFor(() => expect(router.asked).toHaveLength(1));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await first).toEqual([503, 5_000]);
    const crowd = await Promise.all(Array.from({ length: 50 }, () => me(router, tenant)));
    expect(new Set(crowd.map(({ status }) => status))).toEqual(new Set([503]));
    expect(router.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(500);
    const [probe, ...others] = Array.from({ length: 50 }, () => me(router, tenant));
    for (const reply of await Promise.all(others)) expect(reply.status).toBe(503);
    expect(router.asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await probe)?.status).toBe(503);
  });

  it("serves again with the first door that it opens", async () => {
    const { cell, tenant } = await tenantApart();
    vi.useFakeTimers({ toFake: ["Date"] });
    expect((await me(openRouter({ ...home, [cell]: gone }), tenant)).status).toBe(503);
    vi.setSystemTime(Date.now() + 500);
    const back = openRouter({ ...home, [cell]: cellNamed(cell) });
    const replies = [await me(back, tenant), await me(back, tenant)];
    expect(replies.map(({ status }) => status)).toEqual([200, 200]);
  });

  it("may have done what it was asked, when its answer is lost", async () => {
    const { cell, tenant } = await tenantApart();
    const router = openRouter({ ...home, [cell]: cut });
    expect(problemOf(await me(router, tenant))).toBe("not-ready");
    const body = { first_name: "Ada" };
    const { token } = tenant.admin;
    const lost = await router.call("PUT", `${tenant.api}/users/profile`, { token, body });
    expect([lost.status, problemOf(lost)]).toEqual([503, "outcome-unknown"]);
    // Nor is the platform's door left to another cell then.
    const atHome = openRouter({ ...home, [cell]: cut }, { HOME_CELL: cell });
    const login = `${PLATFORM_ORIGIN}/api/v1/auth/login`;
    expect(problemOf(await atHome.call("POST", login, { body }))).toBe("outcome-unknown");
    expect(atHome.asked).toEqual([[cell, null]]);
  });
});

describe("a cell whose settings are wrong", () => {
  it("opens no door, and says in its own log why", async () => {
    const { cell, tenant } = await tenantApart();
    const opened = (changes: Partial<Bindings>) =>
      new Cell(createExecutionContext(), { ...bindings, CELL: cell, ...changes });
    const broken = opened({ MASTER_KEY: `k1:${CANARY}` });
    const router = openRouter({ ...home, [cell]: (route) => broken.door(route) });
    const { lines, entries } = await captureLogs(async () => {
      const reply = await me(router, tenant);
      expect([reply.status, problemOf(reply)]).toEqual([503, "not-ready"]);
      expect(reply.text).not.toContain("MASTER_KEY");
      expect((await me(router, neighbour)).status).toBe(200);
    });
    const own = entries.find(({ message }) => message === "no door opens");
    expect(own).toMatchObject({ level: "error" });
    expect(own?.error).toContain("MASTER_KEY");
    expect(lines.join("\n")).not.toContain(CANARY);
    // The platform's door is left to the others.
    const atHome = openRouter(
      { [cell]: (route) => broken.door(route), ...home },
      { HOME_CELL: cell },
    );
    expect((await atHome.call("GET", HEALTH)).status).toBe(200);
  });
});

describe("a page of another origin", () => {
  const CORS_ORIGINS = "https://app.example.com";
  const preflight = { "access-control-request-method": "GET" };
  const allows = (reply: Reply) => reply.headers.get("access-control-allow-origin");

  it("is told of an outage and of a host that is nobody's, if it is on the list", async () => {
    const { cell, tenant } = await tenantApart();
    const router = openRouter({ ...home, [cell]: gone }, { CORS_ORIGINS });
    for (const [origin, allowed] of [
      [CORS_ORIGINS, CORS_ORIGINS],
      ["https://evil.example", null],
    ] as const) {
      for (const [url, status] of [
        [`${tenant.api}/auth/me`, 503],
        ["http://nobody-here.rowhouse.test/", 404],
      ] as const) {
        const refused = await router.call("GET", url, { headers: { origin } });
        expect([refused.status, allows(refused)]).toEqual([status, allowed]);
        expect(refused.headers.get("vary")).toBe("Origin");
        expect(refused.headers.get("access-control-expose-headers")).toContain("Retry-After");
        expect(refused.headers.has("content-security-policy")).toBe(true);
        // Asked first. A page hears of nothing else without it.
        const asked = await router.call("OPTIONS", url, { headers: { origin, ...preflight } });
        expect([asked.status, asked.text, allows(asked)]).toEqual([204, "", allowed]);
        expect(asked.headers.get("access-control-allow-headers")).toContain("Authorization");
      }
    }
  });

  it("hears of a cell what the cell says", async () => {
    const router = openRouter(home, { CORS_ORIGINS });
    const headers = { origin: CORS_ORIGINS };
    expect(allows(await router.call("GET", `${neighbour.origin}/health`, { headers }))).toBeNull();
    const asked = { headers: { ...headers, ...preflight } };
    expect(allows(await router.call("OPTIONS", `${neighbour.api}/users`, asked))).toBeNull();
  });
});

describe("a registry that is silent", () => {
  it("stops nobody whom the router knows", async () => {
    const { cell, tenant } = await tenantApart();
    const doors = { ...home, [cell]: cellNamed(cell) };
    const silent = wrapD1(bindings.CONTROL_DB, () => Promise.reject(new Error(LOST_TEXTS[0])));
    const router = openRouter(doors, { CONTROL_DB: silent });
    const unknown = await me(router, tenant);
    expect([unknown.status, problemOf(unknown)]).toEqual([503, "database-unavailable"]);
    expect((await me(openRouter(doors), tenant)).status).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
    expect((await me(router, tenant)).status).toBe(200);
  });
});
