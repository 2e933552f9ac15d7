import { afterEach, describe, expect, it, vi } from "vitest";
import { Failure } from "../../../src/platform/problems.ts";
import { findRoute, forgetRoute } from "../../../src/platform/tenancy/directory.ts";
import { call, newTenant, problemOf } from "../../support/client.ts";
import { jobCtx } from "../../support/ctx.ts";
import { type Around, LOST_TEXTS, wrapD1 } from "../../support/d1.ts";
import { REGISTER, registrationOf, times } from "../../support/registration.ts";
import { bindings, openWorker, wrapAll } from "../../support/worker.ts";

const health = (slug: string) => `http://${slug}.rowhouse.test/health`;
const controlWith = (around: Around) =>
  openWorker({ CONTROL_DB: wrapAll(() => around).CONTROL_DB });

describe("the way to a tenant", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is known at once, even to who was looking for it before there was one", async () => {
    const answer = Promise.withResolvers<void>();
    const read = Promise.withResolvers<void>();
    const slow = controlWith(async (_, run) => {
      const rows = await run();
      read.resolve();
      await answer.promise;
      return rows;
    });
    const early = slow.call("GET", health("awaited"));
    await read.promise;
    const registered = await call("POST", REGISTER, { body: registrationOf("awaited") });
    expect(registered.status).toBe(201);
    answer.resolve();
    expect(problemOf(await early)).toBe("tenant-not-found");
    expect((await call("GET", health("awaited"))).status).toBe(200);
  });

  it("is asked for once a minute, and used ten more while nobody answers", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { slug, origin, admin } = await newTenant("routed");
    let trips = 0;
    let silent = false;
    const other = controlWith(async (_, run) => {
      trips += 1;
      if (silent) throw new Error(LOST_TEXTS[0]);
      return run();
    });
    const me = () => other.call("GET", `${origin}/api/v1/auth/me`, { token: admin.token });
    const start = Date.now();
    // What registering taught this isolate was asked for at about `start`.
    for (const [after, asked] of [
      [59_000, 0],
      [61_000, 1],
      [120_000, 1],
      [122_000, 2],
    ] as const) {
      vi.setSystemTime(start + after);
      expect((await me()).status).toBe(200);
      expect(trips, `${after} ms`).toBe(asked);
    }
    silent = true;
    for (const after of [200_000, 400_000, 122_000 + 599_000]) {
      vi.setSystemTime(start + after);
      expect((await me()).status, `${after} ms`).toBe(200);
    }
    expect(trips).toBeGreaterThan(2);
    vi.setSystemTime(start + 122_000 + 600_000);
    const lost = await me();
    expect([lost.status, problemOf(lost)]).toEqual([503, "database-unavailable"]);
    expect(slug).toBe("routed");
  });

  it("is kept, whatever number of unknown hosts is asked for", async () => {
    const { origin, admin } = await newTenant("kept");
    // Made up by anybody, and more than all routes that an isolate keeps.
    const none = jobCtx({
      ...bindings,
      CONTROL_DB: wrapD1(bindings.CONTROL_DB, async () => [] as never),
    });
    for (const index of times(10_100, (index) => index)) {
      expect(await findRoute(none.db, `made-up-${index}`, none.log)).toBeNull();
    }
    const silent = controlWith(async () => {
      throw new Error(LOST_TEXTS[0]);
    });
    const me = await silent.call("GET", `${origin}/api/v1/auth/me`, { token: admin.token });
    expect(me.status).toBe(200);
    // The newest are remembered, the first are not.
    const asked = () => findRoute(jobCtx(silent.env).db, "made-up-10099", none.log);
    expect(await asked()).toBeNull();
    await expect(findRoute(jobCtx(silent.env).db, "made-up-0", none.log)).rejects.toThrow(Failure);
  });

  it("is asked for by one of many, while the others go on with what is known", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { origin, admin } = await newTenant("busy");
    const answer = Promise.withResolvers<void>();
    const asking = Promise.withResolvers<void>();
    let trips = 0;
    const slow = controlWith(async (_, run) => {
      trips += 1;
      asking.resolve();
      await answer.promise;
      return run();
    });
    const me = () => slow.call("GET", `${origin}/api/v1/auth/me`, { token: admin.token });
    vi.setSystemTime(Date.now() + 61_000);
    const first = me();
    await asking.promise;
    const others = await Promise.all(times(20, me));
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
    expect(trips).toBe(1);
    answer.resolve();
    expect((await first).status).toBe(200);
    expect((await me()).status).toBe(200);
    expect(trips).toBe(1);
  });

  it("is looked for by 100 slugs of nobody at a time, and who is known waits behind none", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    const { origin, admin } = await newTenant("beside-a-flood");
    const late = await newTenant("cold-in-a-flood");
    forgetRoute(late.slug);
    let trips = 0;
    const answer = Promise.withResolvers<void>();
    const slow = controlWith(async (_, run) => {
      trips += 1;
      await answer.promise;
      return run();
    });
    // The first of a busy tenant come in a crowd, and are one.
    const crowd = times(30, () => slow.call("GET", health(late.slug)));
    const flood = times(99, (index) => slow.call("GET", health(`flood-${index}`)));
    await vi.waitFor(() => expect(trips).toBe(129));
    const refused = await slow.call("GET", health("flood-100"));
    expect([refused.status, problemOf(refused)]).toEqual([503, "overloaded"]);
    expect(refused.headers.get("retry-after")).toBe("1");
    const known = await slow.call("GET", `${origin}/api/v1/auth/me`, { token: admin.token });
    expect([known.status, trips]).toEqual([200, 129]);
    answer.resolve();
    for (const reply of await Promise.all(crowd)) expect(reply.status).toBe(200);
    for (const reply of await Promise.all(flood)) expect(problemOf(reply)).toBe("tenant-not-found");
    expect(problemOf(await slow.call("GET", health("flood-100")))).toBe("tenant-not-found");
  });

  it("is looked for again when those who were looking have been cut off", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const cut = controlWith(() => new Promise(() => {}));
    for (const index of times(100, (nth) => nth)) {
      // Its timer is real, and is over long after this test.
      void findRoute(jobCtx(cut.env).db, `cut-off-${index}`, jobCtx().log).catch(() => {});
    }
    expect(problemOf(await call("GET", health("after-them")))).toBe("overloaded");
    vi.setSystemTime(Date.now() + 5_000);
    expect(problemOf(await call("GET", health("after-them")))).toBe("tenant-not-found");
  });

  it("leads nowhere for a slug that nobody has, and nobody answers for", async () => {
    const silent = controlWith(async () => {
      throw new Error(LOST_TEXTS[0]);
    });
    const reply = await silent.call("GET", health("never-heard-of"));
    expect([reply.status, problemOf(reply)]).toEqual([503, "database-unavailable"]);
    expect(problemOf(await call("GET", health("never-heard-of")))).toBe("tenant-not-found");
  });

  it("leads to the cell that has to answer, for a tenant of another one", async () => {
    const { slug } = await newTenant("elsewhere");
    const moveTo = (cell: string) =>
      bindings.CONTROL_DB.prepare("UPDATE tenants SET cell = ? WHERE slug = ?")
        .bind(cell, slug)
        .run();
    await moveTo("other-1");
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 61_000);
    const reply = await call("GET", health(slug));
    expect([reply.status, problemOf(reply)]).toEqual([421, "misdirected"]);
    expect(reply.headers.get("rowhouse-cell")).toBe("other-1");
    await moveTo("test-1");
  });
});
