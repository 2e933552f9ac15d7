/** What a plan allows and what is used: told to who runs the tenant, set by operators. */
import { beforeAll, describe, expect, it } from "vitest";
import { addActor } from "../../support/actors.ts";
import {
  addUser,
  type Caller,
  call,
  newOperator,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  type TestTenant,
} from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { perMinute } from "../../support/limits.ts";
import { giveQuotas } from "../../support/quotas.ts";
import { SCHEMA } from "../../support/schema.ts";
import { databaseOfTenant, firstValue, registryOf } from "../../support/worker.ts";

const BELIEVED = 5 * SECOND;

describe("usage", () => {
  const clock = standingClock({ between: 6 * SECOND });
  let operator: Caller;
  let house: TestTenant;
  let database: D1Database;
  beforeAll(async () => {
    operator = await newOperator();
    house = await newTenant();
    database = await databaseOfTenant(house.slug);
  });
  const usage = (caller: Caller = house.admin) =>
    call("GET", `${house.api}/tenants/current/usage`, { token: caller.token });
  const shown = async () =>
    (await call("GET", `${PLATFORM_ORIGIN}/api/v1/tenants/${house.id}`, { token: operator.token }))
      .json;

  it("is what the database holds", async () => {
    await addUser(house, "readonly");
    const actor_id = await addActor(house);
    const events = Array.from({ length: 7 }, () => ({ actor_id, event_type: "t" }));
    const { token } = house.admin;
    await call("POST", `${house.api}/events/batch`, { token, body: { events } });
    await call("POST", `${house.api}/services`, { token, body: { slug: "shop", name: "Shop" } });
    const { json, status } = await usage();
    expect(status).toBe(200);
    const { size_after } = (await database.prepare("SELECT 1").run()).meta;
    expect(json).toEqual({
      plan: "standard",
      month: new Date().toISOString().slice(0, 7),
      users: { quota: null, used: 2 },
      services: { quota: null, used: 1 },
      events_per_month: { quota: null, used: SCHEMA < 9 ? 0 : 7 },
      storage_bytes: { quota: 9_000_000_000, used: size_after },
    });
  });

  it("shows the tenant's own quotas where it has some, else the plan's", async () => {
    const quotas = { users: 5, events_per_month: 1_000 };
    expect((await giveQuotas(operator, house, quotas)).status).toBe(200);
    expect((await usage()).json).toMatchObject({
      users: { quota: 5 },
      services: { quota: null },
      events_per_month: { quota: 1_000 },
    });
    expect(await shown()).toMatchObject({
      quotas,
      quotas_in_force: { ...quotas, services: null, storage_bytes: 9_000_000_000 },
    });
  });

  it("is for admins and managers", async () => {
    const manager = await addUser(house, "manager");
    expect((await usage(manager)).status).toBe(200);
    const user = await addUser(house, "user");
    expect(problemOf(await usage(user))).toBe("permission-denied");
  });

  describe("quotas of one tenant", () => {
    const change = (body: object) =>
      call("PUT", `${PLATFORM_ORIGIN}/api/v1/tenants/${house.id}`, {
        token: operator.token,
        body,
      });

    it("and its limits leave each other alone", async () => {
      const limits = { user: perMinute(900) };
      await change({ limits, quotas: { users: 9 } });
      expect(await shown()).toMatchObject({ limits, quotas: { users: 9 } });
      await change({ quotas: { services: null } });
      expect(await shown()).toMatchObject({ limits, quotas: { services: null } });
      expect((await shown()).quotas).toEqual({ services: null });
      await change({ limits: null });
      expect(await shown()).toMatchObject({ limits: null, quotas: { services: null } });
      await change({ quotas: null });
      expect(await shown()).toMatchObject({ limits: null, quotas: null });
      expect((await registryOf(house.slug))?.limits).toBeNull();
      expect(await firstValue(database, "SELECT limits FROM realm")).toBeNull();
      await change({ plan: "business" });
      await change({ plan: "standard", quotas: {} });
      expect(await shown()).toMatchObject({ limits: null, quotas: null, plan: "standard" });
    });

    it("stand in both audit logs", async () => {
      await change({ quotas: { users: 77 } });
      const log = async (api: string, token: string, action: string) =>
        (await call("GET", `${api}/audit?action=${action}&limit=1`, { token })).json.data[0]
          .private;
      const { token } = house.admin;
      expect(
        await log(`${PLATFORM_ORIGIN}/api/v1`, operator.token, "tenant.updated"),
      ).toMatchObject({ new: { limits: { quotas: { users: 77 } } } });
      expect(await log(house.api, token, "tenant.plan_changed")).toMatchObject({
        new: { limits: { quotas: { users: 77 } } },
      });
    });

    it.each([
      ["less than none", { quotas: { users: -1 } }, "/quotas/users"],
      ["half a user", { quotas: { users: 1.5 } }, "/quotas/users"],
      ["a number in words", { quotas: { users: "many" } }, "/quotas/users"],
      ["more than can be counted", { quotas: { storage_bytes: 1e300 } }, "/quotas/storage_bytes"],
      ["a quota that nobody knows", { quotas: { rooms: 3 } }, "/quotas/rooms"],
      ["a list", { quotas: [] }, "/quotas"],
    ])("refuse %s", async (_, body, pointer) => {
      const before = await shown();
      const reply = await change(body);
      expect([reply.status, problemOf(reply)]).toEqual([422, "validation-failed"]);
      const pointers = reply.json.errors.map((error: { pointer: string }) => error.pointer);
      expect(pointers).toContain(pointer);
      expect(await shown()).toEqual(before);
      clock.pass(BELIEVED);
    });

    it("are not the tenant's to change", async () => {
      const { token } = house.admin;
      const body = { name: "Mine", quotas: { users: 1_000 } };
      const reply = await call("PUT", `${house.api}/tenants/current`, { token, body });
      expect(problemOf(reply)).toBe("validation-failed");
    });
  });
});
