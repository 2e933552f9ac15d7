/** Plans and limits as operators change them, and when that counts. */
import { beforeAll, describe, expect, it } from "vitest";
import { brokenTenant } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { jobCtx } from "../../support/ctx.ts";
import { ask, change, perMinute, plansWith, told } from "../../support/limits.ts";
import {
  bindings,
  databaseOfTenant,
  firstValue,
  openWorker,
  registryOf,
  tick,
  wrapAll,
} from "../../support/worker.ts";

/** For how long an isolate believes what it has read of a caller, in ms. */
const BELIEVED = 5 * SECOND;

describe("plans", () => {
  const clock = standingClock({ between: 6 * SECOND });
  const usual = openWorker(plansWith());
  let operator: Caller;
  let house: TestTenant;
  beforeAll(async () => {
    operator = await newOperator();
    house = await newTenant("planned");
  });

  const shown = async () =>
    (await call("GET", `${PLATFORM_ORIGIN}/api/v1/tenants/${house.id}`, { token: operator.token }))
      .json;
  const quotas = async (): Promise<number[]> => {
    const { tenant, user } = told(await ask(usual, house));
    return [tenant?.quota ?? 0, user?.quota ?? 0];
  };
  const plain = () => change(operator, house, { plan: "standard", limits: null });

  it("change, and count within 5 seconds where the old one is still believed", async () => {
    await plain();
    clock.pass(BELIEVED);
    expect(await quotas()).toEqual([600, 300]);
    expect((await change(operator, house, { plan: "business" })).json).toMatchObject({
      plan: "business",
      limits: null,
    });
    // What this isolate has read before is what another one would still believe.
    expect(await quotas()).toEqual([600, 300]);
    clock.pass(BELIEVED);
    expect(await quotas()).toEqual([6_000, 3_000]);
  });

  it("have limits that differ for one tenant, and go again", async () => {
    await plain();
    const limits = { tenant: perMinute(50), webhooks: { limit: 7, window_seconds: 10 } };
    expect((await change(operator, house, { limits })).json.limits).toEqual(limits);
    expect(await shown()).toMatchObject({ plan: "standard", limits });
    clock.pass(BELIEVED);
    expect(await quotas()).toEqual([50, 300]);
    expect((await ask(usual, house)).json).toMatchObject({
      plan: "standard",
      limits: { tenant: perMinute(50), user: perMinute(300), webhooks: limits.webhooks },
    });
    // Others take their place, and are not added.
    await change(operator, house, { limits: { user: perMinute(9) } });
    clock.pass(BELIEVED);
    expect(await quotas()).toEqual([600, 9]);
    expect((await change(operator, house, { limits: null })).json.limits).toBeNull();
    clock.pass(BELIEVED);
    expect(await quotas()).toEqual([600, 300]);
  });

  it("leave limits alone when they are not named, and the other way round", async () => {
    const limits = { user: perMinute(8) };
    await change(operator, house, { plan: "business", limits });
    expect((await change(operator, house, { plan: "standard" })).json.limits).toEqual(limits);
    const renamed = await call("PUT", `${PLATFORM_ORIGIN}/api/v1/tenants/${house.id}`, {
      token: operator.token,
      body: { name: "Planned Ltd" },
    });
    expect(renamed.json).toMatchObject({ plan: "standard", limits });
    expect((await registryOf(house.slug))?.unsynced_since).toBeNull();
  });

  it("are audited with what was before, in the registry and in the tenant's own log", async () => {
    await plain();
    const limits = { user: perMinute(8) };
    await change(operator, house, { plan: "business", limits });
    const log = async (origin: string, token: string, action: string) =>
      (
        await call("GET", `${origin}/api/v1/audit?action=${action}&target=${house.id}&limit=1`, {
          token,
        })
      ).json.data[0].private;
    expect(await log(PLATFORM_ORIGIN, operator.token, "tenant.updated")).toMatchObject({
      old: { plan: "standard", limits: null },
      new: { plan: "business", limits },
    });
    expect(await log(house.origin, house.admin.token, "tenant.plan_changed")).toEqual({
      new: { plan: "business", limits },
    });
  });

  it.each([
    ["a plan that is none", { plan: "gold" }, "/plan"],
    ["a plan of an object's own", { plan: "constructor" }, "/plan"],
    ["a limit of nothing", { limits: { tenant: perMinute(0) } }, "/limits/tenant/limit"],
    ["a limit below nothing", { limits: { user: perMinute(-5) } }, "/limits/user/limit"],
    ["half a request", { limits: { user: perMinute(0.5) } }, "/limits/user/limit"],
    ["a huge limit", { limits: { webhooks: perMinute(1e9) } }, "/limits/webhooks/limit"],
    ["a text", { limits: { user: { limit: "9", window_seconds: 60 } } }, "/limits/user/limit"],
    [
      "no window",
      { limits: { tenant: { limit: 1, window_seconds: 0 } } },
      "/limits/tenant/window_seconds",
    ],
    [
      "a window of a year",
      { limits: { tenant: { limit: 1, window_seconds: 31_536_000 } } },
      "/limits/tenant/window_seconds",
    ],
    [
      "a limit of half a policy",
      { limits: { tenant: { limit: 1 } } },
      "/limits/tenant/window_seconds",
    ],
    ["a limit that nobody knows", { limits: { operators: perMinute(1) } }, "/limits/operators"],
  ])("refuse %s", async (_, body, pointer) => {
    const before = await shown();
    const reply = await change(operator, house, body as never);
    expect([reply.status, problemOf(reply)]).toEqual([422, "validation-failed"]);
    expect(reply.json.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
    expect(await shown()).toEqual(before);
  });

  it("are not the tenant's to change", async () => {
    await plain();
    clock.pass(BELIEVED);
    for (const body of [{ plan: "business" }, { limits: null }]) {
      const options = { token: house.admin.token, body: { name: "Mine", ...body } };
      const reply = await call("PUT", `${house.api}/tenants/current`, options);
      expect(problemOf(reply)).toBe("validation-failed");
    }
    const reply = await call("PUT", `${house.api}/tenants/${house.id}`, {
      token: house.admin.token,
      body: { plan: "business" },
    });
    expect(reply.status).toBe(404);
    const reader = await addUser(house, "readonly");
    expect((await ask(usual, house, reader)).json.limits.tenant).toEqual(perMinute(600));
  });

  it("are told by the job to a database that did not answer", async () => {
    await plain();
    const down = openWorker(await brokenTenant(house.slug));
    const { result } = await captureLogs(() =>
      down.call("PUT", `${PLATFORM_ORIGIN}/api/v1/tenants/${house.id}`, {
        token: operator.token,
        body: { plan: "business" },
      }),
    );
    expect(result.status).toBe(200);
    const inside = await databaseOfTenant(house.slug);
    expect(await firstValue(inside, "SELECT plan FROM realm")).toBe("standard");
    expect((await registryOf(house.slug))?.unsynced_since).not.toBeNull();
    await tick();
    expect(await firstValue(inside, "SELECT plan FROM realm")).toBe("business");
    expect((await registryOf(house.slug))?.unsynced_since).toBeNull();
  });

  it("of a tenant on its way are there when it arrives", async () => {
    const slug = "on-its-way";
    const deaf = openWorker(
      wrapAll((binding) => (_, run) => {
        if (binding === "CONTROL_DB") return run();
        throw new Error("D1_ERROR: Network connection lost.");
      }),
    );
    const { result } = await captureLogs(() =>
      deaf.call("POST", `${PLATFORM_ORIGIN}/api/v1/tenants`, {
        token: operator.token,
        body: {
          company_name: "On its way",
          slug,
          admin_email: "admin@on-its-way.test",
          admin_password: PASSWORD,
          admin_first_name: "Ada",
          admin_last_name: "Admin",
        },
      }),
    );
    expect(result.status).toBeGreaterThanOrEqual(500);
    const limits = { user: perMinute(8) };
    const { id, state } = (await registryOf(slug)) ?? {};
    expect(state).toBe("migrating");
    const body = { plan: "business", limits };
    const reply = await call("PUT", `${PLATFORM_ORIGIN}/api/v1/tenants/${id}`, {
      token: operator.token,
      body,
    });
    expect(reply.json).toMatchObject({ ...body, state: "migrating" });
    clock.pass(61 * SECOND);
    const { provisionTenant } = await import("../../../src/platform/tenancy/index.ts");
    const { seedTenant } = await import("../../../src/features/registration/index.ts");
    await provisionTenant(jobCtx(), String(id), seedTenant);
    const inside = await databaseOfTenant(slug);
    expect(await inside.prepare("SELECT plan, limits FROM realm").first()).toEqual({
      plan: "business",
      limits: JSON.stringify(limits),
    });
    expect(await registryOf(slug)).toMatchObject({ state: "active" });
    await tick();
    expect((await registryOf(slug))?.unsynced_since).toBeNull();
  });

  it("that the settings no longer name are the usual one, and the log says so", async () => {
    const gone = await newTenant("gone-plan");
    const inside = await databaseOfTenant(gone.slug);
    await inside.prepare("UPDATE realm SET plan = 'gold'").run();
    clock.pass(BELIEVED);
    const { result, entries } = await captureLogs(() => ask(usual, gone));
    expect(told(result)).toMatchObject({ tenant: { quota: 600 }, user: { quota: 300 } });
    expect(entries).toContainEqual(
      expect.objectContaining({ level: "warn", message: "plan is not known", plan: "gold" }),
    );
  });

  it("of tenants from before are told by the job, as the migration marks them", async () => {
    const old = await newTenant("from-before");
    const { CONTROL_DB } = bindings;
    await CONTROL_DB.prepare("UPDATE tenants SET plan = 'business' WHERE id = ?")
      .bind(old.id)
      .run();
    const migrations = bindings.CONTROL_MIGRATIONS as { name: string; queries: string[] }[];
    const marking = migrations
      .flatMap(({ queries }) => queries)
      .filter((query) => /UPDATE `tenants` SET `version`/.test(query));
    expect(marking).toHaveLength(1);
    const before = await registryOf(house.slug);
    await CONTROL_DB.prepare(String(marking[0])).run();
    expect((await registryOf(old.slug))?.unsynced_since).not.toBeNull();
    const standard = await newTenant("always-standard");
    expect((await registryOf(standard.slug))?.unsynced_since).toBeNull();
    await tick();
    const inside = await databaseOfTenant(old.slug);
    expect(await firstValue(inside, "SELECT plan FROM realm")).toBe("business");
    expect(await registryOf(old.slug)).toMatchObject({ unsynced_since: null });
    expect(before?.id).toBe(house.id);
  });
});
