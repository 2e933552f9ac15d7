/** The router, in front of cells that share this isolate. */
import { exports } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { CellDoor } from "../../../src/platform/cells/cell-door.ts";
import { createMeter } from "../../../src/platform/observe/meter.ts";
import { forgetRoute } from "../../../src/platform/tenancy/directory.ts";
import { openRegistry } from "../../../src/platform/tenancy/index.ts";
import {
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { jobCtx } from "../../support/ctx.ts";
import { forgetCells } from "../../support/open-cell.ts";
import { cellNamed, type Door, HOME, openRouter, type TestRouter } from "../../support/routers.ts";
import { bindings, databaseOfTenant } from "../../support/worker.ts";

const OTHER = "test-2";
const both = { [HOME]: cellNamed(HOME), [OTHER]: cellNamed(OTHER) };
const entrypoints = exports as unknown as { readonly Cell: CellDoor };

/** As a move ends: the registry names another cell. No isolate has heard of it. */
async function moveTo(cell: string, { slug }: TestTenant): Promise<void> {
  await bindings.CONTROL_DB.prepare("UPDATE tenants SET cell = ? WHERE slug = ?")
    .bind(cell, slug)
    .run();
}

async function say(status: string, { slug }: TestTenant): Promise<void> {
  const database = await databaseOfTenant(slug);
  await database.prepare("UPDATE realm SET status = ?").bind(status).run();
}

let one: TestTenant;
let other: TestTenant;
beforeAll(async () => {
  [one, other] = [await newTenant("in-the-first"), await newTenant("in-the-second")];
  await moveTo(OTHER, other);
  forgetRoute(other.slug);
});
afterEach(() => {
  vi.useRealTimers();
});

const me = (router: TestRouter, { api, admin }: TestTenant) =>
  router.call("GET", `${api}/auth/me`, { token: admin.token });

describe("the router", () => {
  it("hands each tenant's requests to its own cell, and the platform's to the home cell", async () => {
    const router = openRouter(both);
    for (const tenant of [one, other]) {
      const reply = await me(router, tenant);
      expect([reply.status, reply.json.email]).toEqual([200, tenant.admin.email]);
    }
    expect((await router.call("GET", `${PLATFORM_ORIGIN}/health`)).status).toBe(200);
    expect(router.asked).toEqual([
      [HOME, one.slug],
      [OTHER, other.slug],
      [HOME, null],
    ]);
  });

  it("reaches the cell's own entrypoints, whose props say whose door it is", async () => {
    const router = openRouter({ [HOME]: (route) => entrypoints.Cell.door(route) });
    const reply = await me(router, one);
    expect([reply.status, reply.json.email]).toEqual([200, one.admin.email]);
    expect((await router.call("GET", `${PLATFORM_ORIGIN}/health`)).status).toBe(200);
    // The host says one thing and the door another: the door is right.
    const { log } = jobCtx();
    const registry = openRegistry(bindings, { log, meter: createMeter() });
    const door = await entrypoints.Cell.door(await registry.find(one.slug));
    const request = new Request(`${other.api}/auth/me`, {
      headers: { authorization: `Bearer ${one.admin.token}`, "cf-connecting-ip": "203.0.113.7" },
    });
    const answer = await door.fetch(request);
    expect(await answer.json()).toMatchObject({ email: one.admin.email });
  });

  it("asks another cell where the first one says so, with the same body", async () => {
    const router = openRouter(both);
    const body = { email: other.admin.email, password: PASSWORD, tenant_slug: other.slug };
    const reply = await router.call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/login`, { body });
    expect([reply.status, reply.json?.user?.email]).toEqual([200, other.admin.email]);
    expect(router.asked).toEqual([
      [HOME, null],
      [OTHER, null],
    ]);
    expect([...reply.headers.keys()].filter((name) => name.startsWith("rowhouse-"))).toEqual([]);
  });

  it("asks a cell that the registry does not know yet, and says so of one that is none", async () => {
    const router = openRouter(both);
    const { token } = await newOperator();
    const put = (name: string) =>
      router.call("PUT", `${PLATFORM_ORIGIN}/api/v1/cells/${name}`, { token, body: {} });
    const typo = await put("tset-2");
    expect([typo.status, problemOf(typo)]).toEqual([404, "not-found"]);
    expect(typo.json.detail).toBe("No cell tset-2 is known.");
    expect(typo.headers.has("rowhouse-cell")).toBe(false);
    expect(router.asked).toEqual([[HOME, null]]);
    const made = await put(OTHER);
    expect([made.status, made.json.name]).toEqual([201, OTHER]);
    expect(router.asked.slice(1)).toEqual([
      [HOME, null],
      [OTHER, null],
    ]);
    await forgetCells();
  });

  it("goes on to two other cells at most, and no client sees that they disagree", async () => {
    const pointing =
      (to: string): Door =>
      async () => ({
        fetch: async () => new Response(null, { status: 421, headers: { "rowhouse-cell": to } }),
      });
    const router = openRouter({ [HOME]: pointing(OTHER), [OTHER]: pointing(HOME) });
    const reply = await router.call("GET", `${PLATFORM_ORIGIN}/health`);
    expect([reply.status, problemOf(reply)]).toEqual([503, "not-ready"]);
    expect(router.asked.map(([cell]) => cell)).toEqual([HOME, OTHER, HOME]);
  });

  it("finds the new cell of a tenant that has moved, as soon as the old one says so", async () => {
    const moved = await newTenant("moves-house");
    const router = openRouter(both);
    expect((await me(router, moved)).status).toBe(200);
    // On its way. The registry says where to already, and this isolate knows the old way.
    await say("moving", moved);
    await moveTo(OTHER, moved);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 6_000 });
    const underway = await me(router, moved);
    expect([underway.status, problemOf(underway)]).toEqual([503, "tenant-provisioning"]);
    expect(router.asked.map(([cell]) => cell)).toEqual([HOME, HOME, OTHER]);
    expect(underway.headers.has("rowhouse-route")).toBe(false);
    await say("active", moved);
    vi.setSystemTime(Date.now() + 6_000);
    const there = await me(router, moved);
    expect([there.status, there.json.email]).toEqual([200, moved.admin.email]);
    expect(router.asked.slice(3)).toEqual([[OTHER, moved.slug]]);
  });

  it("believes no header of a client, and passes none of ours on", async () => {
    const seen: Headers[] = [];
    const listening: Door = async (route) => {
      const door = await cellNamed(HOME)(route);
      return {
        fetch: (input: RequestInfo | URL, init?: RequestInit) => {
          seen.push(new Request(input, init).headers);
          return door.fetch(input, init);
        },
      };
    };
    const router = openRouter({ ...both, [HOME]: listening });
    const reply = await router.call("GET", `${one.api}/auth/me`, {
      token: one.admin.token,
      headers: {
        "rowhouse-cell": OTHER,
        "rowhouse-route": other.slug,
        "x-forwarded-host": `${other.slug}.rowhouse.test`,
        "x-request-id": "client-chosen-1",
      },
      ip: "198.51.100.9",
    });
    expect(reply.json.email).toBe(one.admin.email);
    expect(reply.headers.get("x-request-id")).toBe("client-chosen-1");
    const [headers] = seen as [Headers];
    expect([...headers.keys()].filter((name) => name.startsWith("rowhouse-"))).toEqual([]);
    expect(headers.get("cf-connecting-ip")).toBe("198.51.100.9");
    expect(headers.get("x-request-id")).toBe("client-chosen-1");
  });

  it("leaves HEAD, OPTIONS and redirects as the cell has them", async () => {
    const router = openRouter(both);
    for (const [method, path] of [
      ["HEAD", "/health"],
      ["OPTIONS", "/api/v1/users"],
      ["GET", "/api/docs"],
      ["GET", "/nowhere"],
    ] as const) {
      const direct = await call(method, one.origin + path);
      const through = await router.call(method, one.origin + path);
      expect([through.status, through.text.replace(/req_\w+/, "")]).toEqual([
        direct.status,
        direct.text.replace(/req_\w+/, ""),
      ]);
      expect(through.headers.get("location")).toBe(direct.headers.get("location"));
    }
  });
});

describe("a host that is nobody's door", () => {
  it("is answered by the router itself, as a cell would", async () => {
    const router = openRouter(both);
    for (const host of ["nobody-here.rowhouse.test", "rowhouse.example", "a.b.rowhouse.test"]) {
      const reply = await router.call("GET", `http://${host}/x`);
      expect([reply.status, problemOf(reply)]).toEqual([404, "tenant-not-found"]);
      const direct = await call("GET", `http://${host}/x`);
      for (const name of ["content-security-policy", "cache-control", "x-content-type-options"]) {
        expect(reply.headers.get(name), name).toBe(direct.headers.get(name));
      }
    }
    expect(router.asked).toEqual([]);
  });

  it("is refused by the location's counter alone, and by nobody where that one fails", async () => {
    const nobody = "http://nobody-here.rowhouse.test/";
    const lines: string[] = [];
    const full = {
      async limit({ key }: { key: string }) {
        lines.push(key);
        return { success: false };
      },
    };
    const refused = await openRouter(both, { ADDRESS_GUARD: full }).call("GET", nobody, {
      ip: "2001:db8:1:2:3::4",
    });
    expect([refused.status, problemOf(refused)]).toEqual([429, "quota-exceeded"]);
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(lines).toEqual(["2001:db8:1:2::/64"]);
    const broken = { limit: () => Promise.reject(new Error("down")) };
    const unguarded = await openRouter(both, { ADDRESS_GUARD: broken }).call("GET", nobody);
    expect(problemOf(unguarded)).toBe("tenant-not-found");
  });
});
