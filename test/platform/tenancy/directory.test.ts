import { afterEach, describe, expect, it, vi } from "vitest";
import { call, newTenant, problemOf } from "../../support/client.ts";
import { type Around, LOST_TEXTS } from "../../support/d1.ts";
import { REGISTER, registrationOf } from "../../support/registration.ts";
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

  it("leads nowhere for a slug that nobody has, and nobody answers for", async () => {
    const silent = controlWith(async () => {
      throw new Error(LOST_TEXTS[0]);
    });
    const reply = await silent.call("GET", health("never-heard-of"));
    expect([reply.status, problemOf(reply)]).toEqual([503, "database-unavailable"]);
    expect(problemOf(await call("GET", health("never-heard-of")))).toBe("tenant-not-found");
  });

  it("leads nowhere for a tenant of another cell", async () => {
    const { slug } = await newTenant("elsewhere");
    const moveTo = (cell: string) =>
      bindings.CONTROL_DB.prepare("UPDATE tenants SET cell = ? WHERE slug = ?")
        .bind(cell, slug)
        .run();
    await moveTo("other-1");
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 61_000);
    expect(problemOf(await call("GET", health(slug)))).toBe("tenant-not-found");
    await moveTo("test-1");
  });

  it("is closed by a database that says it is somebody else's", async () => {
    const [one, other] = [await newTenant("mixed-up"), await newTenant("mixed-in")];
    const rows = await bindings.CONTROL_DB.prepare(
      "SELECT slug, binding FROM tenants WHERE slug LIKE 'mixed-%'",
    ).all<{ slug: string; binding: string }>();
    const bindingOf = (slug: string) =>
      rows.results.find((row) => row.slug === slug)?.binding as string;
    const crossed = openWorker({ [bindingOf(one.slug)]: bindings[bindingOf(other.slug)] });
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + 10_000);
    const reply = await crossed.call("GET", `${one.api}/auth/me`, { token: one.admin.token });
    expect(reply.status).toBe(500);
    expect(reply.text).not.toContain(other.id);
  });
});
