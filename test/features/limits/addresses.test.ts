/** What is held against an address: anonymous requests, guessing, and what turned out to be wrong. */
import { beforeAll, describe, expect, it } from "vitest";
import { forgetRoute } from "../../../src/platform/tenancy/directory.ts";
import {
  addUser,
  type CallOptions,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { wrapD1 } from "../../support/d1.ts";
import { showFigures } from "../../support/figures.ts";
import { ask, countedObjects, expectRefused, told } from "../../support/limits.ts";
import { bindings, openWorker, wrapAll } from "../../support/worker.ts";

const SMALL = { ANONYMOUS_PER_MINUTE: "8", SIGN_INS_PER_MINUTE: "3", FAILURES_PER_MINUTE: "5" };

describe("the limits of an address", () => {
  const clock = standingClock({ between: 65 * SECOND });
  const objects = countedObjects();
  const trips = { tenant: 0, control: 0 };
  const databases = wrapAll((binding) => (_, run) => {
    trips[binding === "CONTROL_DB" ? "control" : "tenant"] += 1;
    return run();
  });
  const small = openWorker({ ...SMALL, ...objects.bindings, ...databases });
  let house: TestTenant;
  let last = 0;
  beforeAll(async () => {
    house = await newTenant("addressed");
  });

  /** An address that nobody had before. */
  const newAddress = () => `198.51.100.${++last}`;
  const times = async (count: number, run: (nth: number) => Promise<Reply>): Promise<Reply[]> => {
    const replies: Reply[] = [];
    for (let nth = 0; nth < count; nth++) replies.push(await run(nth));
    return replies;
  };
  const statuses = (replies: readonly Reply[]) => replies.map(({ status }) => status);
  const get = (path: string, options: CallOptions) =>
    small.call("GET", `${house.origin}${path}`, options);

  it("count everything anonymous as one, on every door", async () => {
    const ip = newAddress();
    const replies = [
      await get("/health", { ip }),
      await get("/docs", { ip }),
      await get("/openapi.json", { ip }),
      await get("/nothing/here", { ip }),
      await small.call("PATCH", `${house.origin}/health`, { ip }),
      await get("/api/v1/users", { ip }),
      await get("/api/v1/tenants", { ip }),
      await small.call("GET", `${PLATFORM_ORIGIN}/.well-known/jwks.json`, { ip }),
    ];
    expect(statuses(replies)).toEqual([200, 200, 200, 404, 405, 401, 404, 200]);
    expect(replies.map((reply) => told(reply).anonymous?.remaining)).toEqual([
      7, 6, 5, 4, 3, 2, 1, 0,
    ]);
    const refused = [
      await get("/health", { ip }),
      await get("/docs", { ip }),
      await get("/nothing/here", { ip }),
      await get("/api/v1/users", { ip }),
      await small.call("GET", PLATFORM_ORIGIN, { ip }),
    ];
    const waits = refused.map((reply) => expectRefused(reply, "anonymous"));
    expect(statuses([await get("/health", { ip: newAddress() })])).toEqual([200]);
    clock.pass(Math.max(...waits) * SECOND);
    expect((await get("/health", { ip })).status).toBe(200);
  });

  it("let preflights go free", async () => {
    const ip = newAddress();
    const headers = { origin: "https://app.test", "access-control-request-method": "GET" };
    const replies = await times(20, () =>
      small.call("OPTIONS", `${house.api}/users`, { ip, headers }),
    );
    expect(new Set(statuses(replies))).toEqual(new Set([204]));
    expect(told(await get("/health", { ip })).anonymous?.remaining).toBe(7);
  });

  it("take an IPv6 line of 64 bits for one caller", async () => {
    const line = (host: string) => `2001:db8:77:1:${host}`;
    await times(8, (nth) => get("/health", { ip: line(`${nth}:2:3:4`) }));
    expectRefused(await get("/health", { ip: line("ffff::1") }), "anonymous");
    expect((await get("/health", { ip: "2001:db8:77:2::1" })).status).toBe(200);
  });

  it("are stricter where passwords and tokens can be guessed at", async () => {
    const ip = newAddress();
    const wrong = { email: house.admin.email, password: "not-the-password" };
    const refresh = { refresh_token: `rwr_${"x".repeat(43)}` };
    const replies = [
      await small.call("POST", `${house.api}/auth/login`, { ip, body: wrong }),
      await small.call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/login`, { ip, body: wrong }),
      await small.call("POST", `${house.api}/auth/refresh`, { ip, body: refresh }),
    ];
    expect(statuses(replies)).toEqual([401, 401, 401]);
    expect(replies.map((reply) => told(reply)["sign-in"]?.remaining)).toEqual([2, 1, 0]);
    const right = { email: house.admin.email, password: PASSWORD };
    const refused = [
      await small.call("POST", `${house.api}/auth/login`, { ip, body: right }),
      await small.call("POST", `${house.api}/auth/refresh`, { ip, body: refresh }),
      await small.call("POST", `${PLATFORM_ORIGIN}/api/v1/auth/register`, { ip, body: {} }),
    ];
    for (const reply of refused) expectRefused(reply, "sign-in");
    // All or none: what was refused took nothing of the other limit.
    expect(told(await get("/health", { ip })).anonymous?.remaining).toBe(4);
    const elsewhere = { ip: newAddress(), body: right };
    expect((await small.call("POST", `${house.api}/auth/login`, elsewhere)).status).toBe(200);
  });

  it("end a flood of tokens that are bad, before the next is looked at", async ({ task }) => {
    const ip = newAddress();
    await ask(small, house);
    const [head = "", body = "", signature = ""] = house.admin.token.split(".");
    const forged = (nth: number) =>
      [
        head,
        body,
        `${nth % 10}${signature.slice(1, -1)}${signature.endsWith("A") ? "Q" : "A"}`,
      ].join(".");
    const bad = await times(6, (nth) => get("/api/v1/users", { ip, token: forged(nth) }));
    expect(new Set(statuses(bad))).toEqual(new Set([401]));
    expect(bad.map((reply) => told(reply).failures?.remaining)).toEqual([4, 3, 2, 1, 0, 0]);
    objects.take();
    clock.pass(6 * SECOND);
    Object.assign(trips, { tenant: 0, control: 0 });
    for (const reply of await times(50, (nth) =>
      get("/api/v1/users", { ip, token: forged(nth) }),
    )) {
      expectRefused(reply, "failures");
    }
    expectRefused(await get("/api/v1/users", { ip, token: "no-token-at-all" }), "failures");
    const calls = objects.take();
    showFigures(
      task,
      `  51 refusals: ${trips.tenant} reads, ${Object.keys(calls).length} calls of objects`,
    );
    expect([trips, calls]).toEqual([{ tenant: 0, control: 0 }, {}]);
    // Who was signed in from there before goes on, and so does everybody elsewhere.
    const genuine = { ip, token: house.admin.token };
    expect((await get("/api/v1/users", genuine)).status).toBe(200);
    expect((await get("/api/v1/users", { ...genuine, ip: newAddress() })).status).toBe(200);
  });

  it("take tokens that ran out, or whose session is over, for no failures", async () => {
    const ip = newAddress();
    const from = (token: string) => get("/api/v1/auth/me", { ip, token });
    const left = await addUser(house, "user");
    const signIn = () =>
      small.call("POST", `${house.api}/auth/login`, {
        ip,
        body: { email: house.admin.email, password: PASSWORD },
      });
    const over = (await signIn()).json.access_token;
    expect((await from(over)).status).toBe(200);
    const signedOut = await small.call("POST", `${house.api}/auth/logout`, {
      ip,
      token: over,
      body: {},
    });
    expect(signedOut.status, signedOut.text).toBeLessThan(300);
    clock.pass(65 * SECOND);
    const ended = await times(3, () => from(over));
    clock.pass(900 * SECOND);
    const expired = await times(6, () => from(left.token));
    for (const reply of [...ended, ...expired]) {
      expect([problemOf(reply), told(reply).failures]).toEqual(["unauthenticated", undefined]);
    }
    // But they are as good as none, and held to what a stranger is.
    expect(told(expired[5] as Reply).anonymous?.remaining).toBe(2);
    // A whole office may sign in behind that window, and nobody has seen the new token yet.
    const fresh = await signIn();
    Object.assign(house.admin, { token: fresh.json.access_token });
    expect((await from(house.admin.token)).status).toBe(200);
    await from(left.token);
    expectRefused(await from(left.token), "anonymous");
    expect((await from(house.admin.token)).status).toBe(200);
  });

  it("are met at doors of nobody, and keep nobody from the next door", async ({ task }) => {
    const ip = newAddress();
    const stranger = (nth: number) =>
      small.call("GET", `http://stranger-${nth}.rowhouse.test/health`, { ip });
    const replies = await times(8, stranger);
    expect(replies.map(problemOf)).toEqual(Array(8).fill("tenant-not-found"));
    for (const reply of replies) expect(told(reply).failures).toBeUndefined();
    expectRefused(await stranger(99), "anonymous");
    objects.take();
    const refused = await times(50, (nth) => stranger(100 + nth));
    for (const reply of refused) expectRefused(reply, "anonymous");
    expect(objects.take()).toEqual({});
    showFigures(task, "  50 refusals: 0 calls of objects");
    expectRefused(await small.call("GET", "http://elsewhere.test/", { ip }), "anonymous");
    forgetRoute(house.slug);
    expect((await get("/api/v1/auth/me", { ip, token: house.admin.token })).status).toBe(200);
  });

  it("are met at doors that are shut", async () => {
    const operator = await newOperator();
    const quiet = await newTenant("addressed-quiet");
    const suspend = `${PLATFORM_ORIGIN}/api/v1/tenants/${quiet.id}/suspend`;
    expect((await small.call("POST", suspend, { token: operator.token })).status).toBe(200);
    await bindings.CONTROL_DB.prepare(
      `INSERT INTO tenants (id, slug, name, plan, cell, binding, state, schema_version, created_at,
        updated_at, version) SELECT 'tenant_half', 'half-way', name, plan, cell, 'TENANT_DB_HALF',
        'seeding', schema_version, created_at, updated_at, 1 FROM tenants WHERE slug = ?`,
    )
      .bind(quiet.slug)
      .run();
    clock.pass(6 * SECOND);
    const doors = {
      "tenant-suspended": [quiet.origin, quiet.admin.token],
      "tenant-provisioning": ["http://half-way.rowhouse.test", undefined],
    } as const;
    for (const [code, [origin, token]] of Object.entries(doors)) {
      const ip = newAddress();
      const knock = () => small.call("GET", `${origin}/api/v1/auth/me`, { ip, token });
      const replies = await times(8, knock);
      expect(replies.map(problemOf)).toEqual(Array(8).fill(code));
      expectRefused(await knock(), "anonymous");
    }
  });

  it("leave a tenant's object untouched, whatever is sent without a token", async ({ task }) => {
    const operator = await newOperator();
    objects.take();
    const flood = await times(200, (nth) => {
      const ip = `192.0.2.${nth % 4}`;
      const [path, token] = [
        ["/health"],
        ["/api/v1/users"],
        ["/api/v1/users", "e30.e30.x"],
        ["/api/v1/auth/me", operator.token],
      ][nth % 5] ?? ["/nothing"];
      return get(String(path), { ip, ...(token ? { token } : {}) });
    });
    expect(new Set(statuses(flood))).toEqual(new Set([200, 401, 404, 429]));
    const calls = objects.take();
    expect(Object.keys(calls).filter((name) => /^(tenant|webhooks):/.test(name))).toEqual([]);
    const kept = Object.entries(calls).filter(([name]) => name.startsWith("addresses:"));
    const sum = kept.reduce((all, [, some]) => all + some, 0);
    showFigures(
      task,
      `  200 requests of 4 addresses: ${sum} calls of their objects, 0 of the tenant's`,
    );
    // A call for each token of these small policies, and one to hear that there are no more.
    expect(sum).toBeLessThanOrEqual(4 * (8 + 1 + 5 + 1));
  });

  it("are guarded by a counter in front, which costs no object a call", async () => {
    const asked: string[] = [];
    const guard = (success: boolean) => ({
      ADDRESS_GUARD: {
        limit: async ({ key }: { key: string }) => {
          asked.push(key);
          return { success };
        },
      } as unknown as RateLimit,
    });
    const shut = openWorker({ ...SMALL, ...objects.bindings, ...guard(false) });
    objects.take();
    const reply = await shut.call("GET", `${house.origin}/health`, { ip: "2001:db8:5:6::7" });
    expect([expectRefused(reply, "anonymous"), asked]).toEqual([60, ["2001:db8:5:6::/64"]]);
    expect(objects.take()).toEqual({});
    const open = openWorker({ ...SMALL, ...guard(true) });
    expect((await open.call("GET", `${house.origin}/health`, { ip: newAddress() })).status).toBe(
      200,
    );
    // Somebody signed in is not asked at the door.
    asked.splice(0);
    expect((await ask(shut, house)).status).toBe(200);
    expect(asked).toEqual([]);
  });

  it("hold while the counter in front fails, and wait for one that hangs no longer than a moment", {
    timeout: 10_000,
  }, async () => {
    let hangs = true;
    const limit = () => (hangs ? new Promise(() => {}) : Promise.reject(new Error("gone")));
    const broken = { ADDRESS_GUARD: { limit } as unknown as RateLimit };
    const open = openWorker({ ...SMALL, ...broken });
    const ip = newAddress();
    const ask = () => open.call("GET", `${house.origin}/health`, { ip });
    const first = await ask();
    hangs = false;
    expect(statuses([first, ...(await times(8, ask))])).toEqual([...Array(8).fill(200), 429]);
  });

  it("a host is asked for again when the registry was silent, and that is no failure", async () => {
    const ip = newAddress();
    const silent = openWorker({
      ...SMALL,
      CONTROL_DB: wrapD1(bindings.CONTROL_DB, () => Promise.reject(new Error("D1_ERROR: lost"))),
    });
    const reply = await silent.call("GET", "http://never-seen.rowhouse.test/health", { ip });
    expect(reply.status).toBeGreaterThanOrEqual(500);
    expect(told(reply).failures).toBeUndefined();
  });
});
