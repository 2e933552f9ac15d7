import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  type Caller,
  call,
  newOperator,
  newTenant,
  PASSWORD,
  PLATFORM_ORIGIN,
  problemOf,
} from "../../support/client.ts";
import { type Around, LOST_TEXTS } from "../../support/d1.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { times } from "../../support/registration.ts";
import {
  bindings,
  databaseOfTenant,
  firstValue,
  openWorker,
  registryOf,
  tick,
  wrapAll,
} from "../../support/worker.ts";

const through: Around = (_, run) => run();
const down: Around = async () => {
  throw new Error(LOST_TEXTS[0]);
};

describe("suspending a tenant", () => {
  let operator: Caller;
  beforeAll(async () => {
    operator = await newOperator();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const asOperator = (id: string, verb: string, by: typeof call = call) =>
    by("POST", `${PLATFORM_ORIGIN}/api/v1/tenants/${id}/${verb}`, { token: operator.token });
  const statusOf = async (slug: string) =>
    firstValue<string>(await databaseOfTenant(slug), "SELECT status FROM realm");
  const later = (ms: number) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + ms);
  };

  it("closes its door within 5 seconds, to all, and opens it again", async () => {
    const { id, slug, api, admin } = await newTenant("to-suspend");
    const me = () => call("GET", `${api}/auth/me`, { token: admin.token });
    expect((await me()).status).toBe(200);
    expect((await asOperator(id, "suspend")).json).toMatchObject({ state: "suspended" });
    expect(await registryOf(slug)).toMatchObject({ state: "suspended", unsynced_since: null });
    expect(await statusOf(slug)).toBe("suspended");
    later(5_000);
    const attempts = [
      me(),
      call("POST", `${api}/auth/login`, { body: { email: admin.email, password: PASSWORD } }),
      call("POST", `${api}/auth/refresh`, { body: { refresh_token: admin.refreshToken } }),
    ];
    for (const reply of await Promise.all(attempts)) {
      expect([reply.status, problemOf(reply)]).toEqual([403, "tenant-suspended"]);
    }
    expect((await asOperator(id, "activate")).json).toMatchObject({ state: "active" });
    later(5_000);
    expect((await me()).status).toBe(200);
  });

  it("while its own database is down: the registry remembers, and a job tells it later", async () => {
    const { id, slug, api, admin } = await newTenant("deaf");
    const binding = (await registryOf(slug))?.binding;
    const broken = openWorker(wrapAll((name) => (name === binding ? down : through)));
    const reply = await asOperator(id, "suspend", broken.call);
    expect(reply.status, reply.text).toBe(200);
    expect(await registryOf(slug)).toMatchObject({ state: "suspended" });
    const since = (await registryOf(slug))?.unsynced_since;
    expect(since).toBeTypeOf("number");
    expect(await statusOf(slug)).toBe("active");

    await broken.tick();
    expect((await registryOf(slug))?.unsynced_since).toBe(since);
    await tick();
    expect((await registryOf(slug))?.unsynced_since).toBeNull();
    expect(await statusOf(slug)).toBe("suspended");
    later(5_000);
    expect(problemOf(await call("GET", `${api}/auth/me`, { token: admin.token }))).toBe(
      "tenant-suspended",
    );
    const told = "SELECT count(*) FROM audit_log WHERE action = 'tenant.suspended'";
    expect(await firstValue(await databaseOfTenant(slug), told)).toBe(1);
    await tick();
    expect(await firstValue(await databaseOfTenant(slug), told)).toBe(1);
  });

  it("ends when its database hears of it, and then its doorbell rings: at once, or by the job", async () => {
    const { id, slug } = await newTenant("late-to-wake");
    const binding = (await registryOf(slug))?.binding;
    const queues = keptQueues();
    const well = openWorker(queues.bindings);
    const broken = openWorker({
      ...queues.bindings,
      ...wrapAll((name) => (name === binding ? down : through)),
    });
    const rung = () => queues.take().filter(({ body }) => body.slug === slug);
    const both = [
      { queue: "doorbells", body: { job: "webhooks.drain" } },
      { queue: "deliveries", body: { job: "destinations.deliver" } },
    ];
    await asOperator(id, "suspend", well.call);
    expect(rung()).toEqual([]);
    expect((await asOperator(id, "activate", broken.call)).status).toBe(200);
    expect(await statusOf(slug)).toBe("suspended");
    expect(rung()).toEqual([]);
    await well.tick();
    expect(await statusOf(slug)).toBe("active");
    expect(rung()).toMatchObject(both);
    await well.tick();
    expect(rung()).toEqual([]);
    await asOperator(id, "suspend", well.call);
    await asOperator(id, "activate", well.call);
    expect(rung()).toMatchObject(both);
  });

  it("is heard by a tenant, however many databases are down before it", async () => {
    const heard = await newTenant("behind-them");
    const mark = bindings.CONTROL_DB.prepare(
      "UPDATE tenants SET state = 'suspended', unsynced_since = 2 WHERE slug = ?",
    ).bind(heard.slug);
    // Databases that this deployment does not even have: they fail at once, and always will.
    const deaf = times(51, (index) =>
      bindings.CONTROL_DB.prepare(
        `INSERT INTO tenants SELECT 'tenant_deaf_' || ?1, 'deaf-' || ?1, name, plan, cell,
          'TENANT_DB_GONE_' || ?1, 'suspended', schema_version, NULL, 1, NULL, 0, 0, 1, NULL, NULL, NULL
          FROM tenants WHERE slug = ?2`,
      ).bind(index, heard.slug),
    );
    await bindings.CONTROL_DB.batch([mark, ...deaf]);
    // Fifty of 52 are told each time, at random: 2 in 52 to be left out, 10 times over.
    for (const _ of times(10, () => null)) {
      if ((await statusOf(heard.slug)) === "suspended") break;
      await tick();
    }
    // They would stand before the tenants of the tests that follow, too.
    await bindings.CONTROL_DB.exec("DELETE FROM tenants WHERE slug LIKE 'deaf-%'");
    expect(await statusOf(heard.slug)).toBe("suspended");
  });

  it("and activating at once: in the end both databases agree", async () => {
    const { id, slug } = await newTenant("torn");
    for (const round of times(5, (index) => index)) {
      const replies = await Promise.all(
        times(10, (index) => asOperator(id, index % 2 ? "activate" : "suspend")),
      );
      for (const reply of replies) {
        if (reply.status !== 200) expect(problemOf(reply)).toBe("conflict");
      }
      const row = await registryOf(slug);
      expect(row?.unsynced_since, `round ${round}`).toBeNull();
      expect(await statusOf(slug)).toBe(row?.state);
    }
  });

  it("told late, after the tenant was activated again, does not stay suspended", async () => {
    const { id, slug } = await newTenant("overtaken");
    const binding = (await registryOf(slug))?.binding;
    const gate = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    // The suspension's word to the tenant is held up on its way.
    const slow = openWorker(
      wrapAll((name) => async (trip, run) => {
        if (name === binding && trip.kind === "batch") {
          held.resolve();
          await gate.promise;
        }
        return run();
      }),
    );
    const suspending = asOperator(id, "suspend", slow.call);
    await held.promise;
    expect((await asOperator(id, "activate")).status).toBe(200);
    gate.resolve();
    expect((await suspending).status).toBe(200);
    expect(await registryOf(slug)).toMatchObject({ state: "active", unsynced_since: null });
    expect(await statusOf(slug)).toBe("active");
  });

  it("told late and cut off, does not stay suspended either, nor is it told twice", async () => {
    const { id, slug } = await newTenant("overtaken-and-cut");
    const binding = (await registryOf(slug))?.binding;
    const gate = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    let isCut = false;
    // The suspension's word arrives late, and what would have come after it never does.
    const slow = openWorker(
      wrapAll((name) => async (trip, run) => {
        if (isCut) throw new Error("D1_ERROR: the isolate is gone: SQLITE_ERROR");
        if (name !== binding || trip.kind !== "batch") return run();
        held.resolve();
        await gate.promise;
        await run();
        isCut = true;
        throw new Error("D1_ERROR: the isolate is gone: SQLITE_ERROR");
      }),
    );
    const suspending = asOperator(id, "suspend", slow.call);
    await held.promise;
    expect((await asOperator(id, "activate")).status).toBe(200);
    gate.resolve();
    await suspending;
    expect(await statusOf(slug)).toBe("active");
    expect(await registryOf(slug)).toMatchObject({ state: "active", unsynced_since: null });
    const told = "SELECT count(*) FROM audit_log WHERE action LIKE 'tenant.%ed'";
    const before = await firstValue(await databaseOfTenant(slug), told);
    await tick();
    expect(await statusOf(slug)).toBe("active");
    expect(await firstValue(await databaseOfTenant(slug), told)).toBe(before);
  });

  it("does not count as heard when another move has come since", async () => {
    const { id, slug } = await newTenant("moved-on");
    const binding = (await registryOf(slug))?.binding;
    const gate = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    let controlBatches = 0;
    // The tenant has heard of the suspension; that the registry may forget it is held up.
    const slow = openWorker(
      wrapAll((name) => async (trip, run) => {
        if (name === "CONTROL_DB" && trip.kind === "batch" && ++controlBatches === 2) {
          held.resolve();
          await gate.promise;
        }
        return run();
      }),
    );
    const suspending = asOperator(id, "suspend", slow.call);
    await held.promise;
    const deaf = openWorker(wrapAll((name) => (name === binding ? down : through)));
    expect((await asOperator(id, "activate", deaf.call)).status).toBe(200);
    gate.resolve();
    expect((await suspending).status).toBe(200);
    expect((await registryOf(slug))?.unsynced_since).toBeTypeOf("number");
    expect(await statusOf(slug)).toBe("suspended");
    await tick();
    expect(await registryOf(slug)).toMatchObject({ state: "active", unsynced_since: null });
    expect(await statusOf(slug)).toBe("active");
  });

  it("is for states that allow it", async () => {
    const { id, api, admin } = await newTenant("moving");
    const gone = await call("DELETE", `${api}/tenants/current`, { token: admin.token });
    expect(gone.status).toBe(204);
    const suspended = await asOperator(id, "suspend");
    expect([suspended.status, problemOf(suspended)]).toEqual([409, "tenant-state"]);
    later(5_000);
    expect(problemOf(await call("GET", `${api}/auth/me`, { token: admin.token }))).toBe(
      "tenant-not-found",
    );
    expect((await asOperator(id, "activate")).status).toBe(200);
    later(5_000);
    expect((await call("GET", `${api}/auth/me`, { token: admin.token })).status).toBe(200);
  });

  it("and changing with a stale If-Match are refused", async () => {
    const { id } = await newTenant("stale-tag");
    const url = `${PLATFORM_ORIGIN}/api/v1/tenants/${id}`;
    const options = (tag: string | null, body?: unknown) => ({
      token: operator.token,
      body,
      headers: { "if-match": String(tag) },
    });
    const tag = (await call("GET", url, { token: operator.token })).headers.get("etag");
    const changes = await Promise.all(
      times(10, (index) => call("PUT", url, options(tag, { name: `Name ${index}` }))),
    );
    expect(changes.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(changes.filter(({ status }) => status === 412)).toHaveLength(9);
    const refused = await call("DELETE", url, options(tag));
    expect(problemOf(refused)).toBe("precondition-failed");
  });
});
