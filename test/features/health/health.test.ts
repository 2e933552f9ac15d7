import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { brokenControl, brokenTenant, GONE } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import {
  call,
  callWith,
  newTenant,
  PLATFORM_ORIGIN,
  problemOf,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";
import { wrapD1 } from "../../support/d1.ts";
import { databaseOf, registryOf } from "../../support/worker.ts";

describe("health", () => {
  let acme: TestTenant;
  beforeAll(async () => {
    acme = await newTenant();
  });

  /** Nothing of how it is built: no names of bindings or machines, no error texts. */
  function expectNoInternals(reply: Reply): void {
    expect(reply.text).not.toMatch(/D1|SQL|DB_|binding|Error|stack|lost/i);
  }

  it("GET / says what this is and where to look, on every door", async () => {
    for (const origin of [PLATFORM_ORIGIN, acme.origin]) {
      const reply = await callWith({ VERSION: "1.2.3" }, "GET", `${origin}/`);
      expect(reply.status).toBe(200);
      expect(reply.json).toEqual({
        name: "Rowhouse",
        version: "1.2.3",
        links: { reference: "/docs", openapi: "/openapi.json", health: "/health" },
      });
      for (const path of Object.values<string>(reply.json.links)) {
        expect((await call("GET", origin + path)).status, path).toBe(200);
      }
    }
  });

  it("is ok on both doors, each with its parts", async () => {
    const platform = await callWith({ VERSION: "1.2.3" }, "GET", `${PLATFORM_ORIGIN}/health`);
    expect(platform.json).toEqual({
      status: "ok",
      version: "1.2.3",
      services: { control_database: "ok", queues: "ok", durable_objects: "ok" },
    });
    const tenant = await call("GET", `${acme.origin}/health`);
    expect(tenant.json.services).toEqual({
      control_database: "ok",
      queues: "ok",
      durable_objects: "ok",
      tenant_database: "ok",
    });
    for (const origin of [PLATFORM_ORIGIN, acme.origin]) {
      const ready = await call("GET", `${origin}/ready`);
      expect(ready.status).toBe(200);
      expect(ready.json).toEqual({ status: "ok" });
    }
  });

  it("needs no credential, and minds no wrong one", async () => {
    for (const token of [undefined, "not-a-token"]) {
      expect((await call("GET", `${acme.origin}/health`, { token })).status).toBe(200);
    }
  });

  it("with the tenant's database down: health is 200 and says so, ready is 503", async () => {
    const broken = await brokenTenant(acme.slug);
    const health = await callWith(broken, "GET", `${acme.origin}/health`);
    expect(health.status).toBe(200);
    expect(health.json).toMatchObject({
      status: "degraded",
      services: { control_database: "ok", tenant_database: "down" },
    });
    expectNoInternals(health);
    const ready = await callWith(broken, "GET", `${acme.origin}/ready`);
    expect(ready.status).toBe(503);
    expect(problemOf(ready)).toBe("not-ready");
    expect(ready.json.detail).toBe("Down: tenant_database.");
    expect(ready.headers.get("retry-after")).toBe("5");
    expectNoInternals(ready);
  });

  it("one tenant's database is nothing to the other doors", async () => {
    const other = await newTenant();
    const broken = await brokenTenant(acme.slug);
    for (const origin of [other.origin, PLATFORM_ORIGIN]) {
      expect((await callWith(broken, "GET", `${origin}/ready`)).status).toBe(200);
    }
  });

  it("with the control database down: both doors say so", async () => {
    await call("GET", `${acme.origin}/health`);
    for (const origin of [PLATFORM_ORIGIN, acme.origin]) {
      const health = await callWith(brokenControl(), "GET", `${origin}/health`);
      expect(health.status).toBe(200);
      expect(health.json).toMatchObject({
        status: "degraded",
        services: { control_database: "down" },
      });
      expectNoInternals(health);
      const ready = await callWith(brokenControl(), "GET", `${origin}/ready`);
      expect(problemOf(ready)).toBe("not-ready");
      expect(ready.json.detail).toBe("Down: control_database.");
    }
  });

  it.each(["DOORBELLS", "DELIVERIES", "DEAD_LETTERS"])(
    "with the queue %s down: every door says so",
    async (name) => {
      const queue = {
        metrics: async () => {
          throw new Error("queue backend is gone");
        },
      } as unknown as Queue;
      const health = await callWith({ [name]: queue }, "GET", `${acme.origin}/health`);
      expect(health.json).toMatchObject({
        status: "degraded",
        services: { control_database: "ok", tenant_database: "ok", queues: "down" },
      });
      expectNoInternals(health);
      const ready = await callWith({ [name]: queue }, "GET", `${PLATFORM_ORIGIN}/ready`);
      expect([problemOf(ready), ready.json.detail]).toEqual(["not-ready", "Down: queues."]);
    },
  );

  /** Durable Objects that do this when they are asked. */
  const objectsThat = (lend: () => Promise<never>): Partial<Bindings> => ({
    RATE_LIMITER: { getByName: () => ({ lend }) } as unknown as Bindings["RATE_LIMITER"],
  });

  it("with Durable Objects that fail: every door says so", async () => {
    const gone = objectsThat(() => Promise.reject(new Error("Network connection lost.")));
    const health = await callWith(gone, "GET", `${acme.origin}/health`);
    expect(health.status).toBe(200);
    expect(health.json).toMatchObject({
      status: "degraded",
      services: { control_database: "ok", queues: "ok", durable_objects: "down" },
    });
    expectNoInternals(health);
    const ready = await callWith(gone, "GET", `${PLATFORM_ORIGIN}/ready`);
    expect([problemOf(ready), ready.json.detail]).toEqual(["not-ready", "Down: durable_objects."]);
  });

  it("with both databases down: both are named", async () => {
    const broken = { ...brokenControl(), ...(await brokenTenant(acme.slug)) };
    const ready = await callWith(broken, "GET", `${acme.origin}/ready`);
    expect(ready.json.detail).toBe("Down: control_database, tenant_database.");
  });

  describe("with a database that never answers", () => {
    afterEach(() => {
      vi.useRealTimers();
    });

    /** Asks a door, and lets a second go by as soon as the silent database has been asked. */
    async function askSilent(binding: string, url: string): Promise<Reply> {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      let reached = () => {};
      const asked = new Promise<void>((resolve) => {
        reached = resolve;
      });
      const silent = wrapD1(databaseOf(binding), () => {
        reached();
        return new Promise(() => {});
      });
      const reply = callWith({ [binding]: silent }, "GET", url);
      await asked;
      await vi.advanceTimersByTimeAsync(1_000);
      return reply;
    }

    it("says within about a second that it is down", { timeout: 10_000 }, async () => {
      const own = String((await registryOf(acme.slug))?.binding);
      for (const [binding, part] of [
        ["CONTROL_DB", "control_database"],
        [own, "tenant_database"],
      ] as const) {
        const health = await askSilent(binding, `${acme.origin}/health`);
        expect(health.status).toBe(200);
        expect(health.json.services).toMatchObject({ [part]: "down" });
        expectNoInternals(health);
        const ready = await askSilent(binding, `${acme.origin}/ready`);
        expect([ready.status, problemOf(ready)]).toEqual([503, "not-ready"]);
        expect(ready.json.detail).toBe(`Down: ${part}.`);
      }
    });
  });

  it("says so of Durable Objects that never answer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const silent = objectsThat(() => new Promise(() => {}));
      let health: Reply | undefined;
      const asked = callWith(silent, "GET", `${acme.origin}/health`).then((reply) => {
        health = reply;
      });
      while (health === undefined) {
        await vi.advanceTimersByTimeAsync(250);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await asked;
      expect([health.status, health.json.services.durable_objects]).toEqual([200, "down"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("a part that answers with an error is down too", async () => {
    const broken = await brokenTenant(acme.slug, "D1_ERROR: database disk image is malformed");
    const ready = await callWith(broken, "GET", `${acme.origin}/ready`);
    expect(ready.json.detail).toBe("Down: tenant_database.");
  });

  it("the log has the cause", async () => {
    const { entries } = await captureLogs(() =>
      callWith(brokenControl(), "GET", `${PLATFORM_ORIGIN}/health`),
    );
    const lines = entries.filter(({ message }) => message === "part is down");
    expect(lines).toMatchObject([{ level: "error", part: "control_database" }]);
    expect(JSON.stringify(lines)).toContain(GONE);
  });

  it("a door that nobody knows of has no health", async () => {
    const nobody = "http://nobody-lives-here.rowhouse.test";
    expect(problemOf(await call("GET", `${nobody}/health`))).toBe("tenant-not-found");
    const unknown = "http://never-asked-for.rowhouse.test";
    const reply = await callWith(brokenControl(), "GET", `${unknown}/health`);
    expect(problemOf(reply)).toBe("database-unavailable");
    expect(reply.headers.get("retry-after")).toBe("5");
    expectNoInternals({ ...reply, text: reply.json.detail });
  });
});
