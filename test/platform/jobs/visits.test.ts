/** Schedules that visit tenants, and how a tenant says that it has work. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { doorbell, type QueueName } from "../../../src/platform/jobs/doorbell.ts";
import { runSchedules, type Schedule } from "../../../src/platform/jobs/schedules.ts";
import { sayActive, visitTenants } from "../../../src/platform/tenancy/index.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { newTenant } from "../../support/client.ts";
import { HOUR, MINUTE, standingClock } from "../../support/clock.ts";
import { jobCtx, tenantCtx } from "../../support/ctx.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { bindings, firstValue, registryOf, wrapAll } from "../../support/worker.ts";

const clock = standingClock({ between: 3 * HOUR });
const CONTROL = bindings.CONTROL_DB;

/** Rows of the registry without databases: a visitor who looked for them would fail. */
async function register(
  count: number,
  name: string,
  { cell = "test-1", state = "active", activeAt = null as number | null } = {},
): Promise<string[]> {
  const slugs = Array.from({ length: count }, (_, at) => `${name}-${String(at).padStart(3, "0")}`);
  const insert = CONTROL.prepare(
    `INSERT INTO tenants (id, slug, name, plan, cell, binding, state, schema_version, created_at,
      updated_at, version, active_at) VALUES (?1, ?2, ?2, 'free', ?3, ?4, ?5, 1, 0, 0, 1, ?6)`,
  );
  if (count === 0) return [];
  await CONTROL.batch(
    slugs.map((slug) => insert.bind(`tenant_${slug}`, slug, cell, `NONE_${slug}`, state, activeAt)),
  );
  return slugs;
}

/** A deployment that keeps its doorbells, counts its trips and has no tenant's database. */
function deployment(binding: "DOORBELLS" | "DELIVERIES" = "DOORBELLS") {
  const queues = keptQueues();
  const trips: string[] = [];
  const batches: number[] = [];
  const bells = queues.bindings[binding];
  const env = {
    ...bindings,
    ...queues.bindings,
    [binding]: {
      ...bells,
      sendBatch: (messages: Iterable<MessageSendRequest>) => {
        const all = [...messages];
        batches.push(all.length);
        return bells.sendBatch(all);
      },
    },
    ...wrapAll((binding) => async ({ kind }, run) => {
      trips.push(binding === "CONTROL_DB" ? `control ${kind}` : `tenant ${kind}`);
      return run();
    }),
  } as unknown as Bindings;
  return { env, queues, trips, batches };
}

describe("a visit", () => {
  beforeEach(async () => {
    await CONTROL.prepare("DELETE FROM tenants").run();
  });
  const visit = async (which: "all" | "active", queue: QueueName = "doorbells", after = "") => {
    const { env, queues, trips, batches } = deployment(
      queue === "deliveries" ? "DELIVERIES" : "DOORBELLS",
    );
    const ctx = jobCtx(env);
    await visitTenants(ctx, { which, after }, (page) =>
      ctx.queues.ringAll(page.map((house) => doorbell({ name: "t.work", queue }, house))),
    );
    const sent = queues.take();
    const slugs = sent.map(({ body }) => body.slug);
    for (const message of sent) {
      const { slug } = message.body;
      const body = { job: "t.work", tenant_id: `tenant_${slug}`, slug };
      expect(message).toEqual({ queue, body, delaySeconds: 0 });
    }
    return { slugs, trips, batches };
  };

  it.each([
    [0, [], 1],
    [1, [1], 1],
    [99, [99], 1],
    [100, [100], 2],
    [101, [100, 1], 2],
    [250, [100, 100, 50], 3],
  ])(
    "of %d tenants rings each once, a page at a time, and opens no database of theirs",
    async (count, pages, reads) => {
      const slugs = await register(count, "house");
      const seen = await visit("all");
      expect(seen.slugs).toEqual(slugs);
      expect(seen.batches).toEqual(pages);
      expect(seen.trips).toEqual(Array.from({ length: reads }, () => "control read"));
    },
  );

  it("goes on after the tenant where it was broken off", async () => {
    const slugs = await register(250, "house");
    const seen = await visit("all", "doorbells", `tenant_${slugs[119]}`);
    expect([seen.slugs, seen.batches]).toEqual([slugs.slice(120), [100, 30]]);
    expect((await visit("all", "doorbells", `tenant_${slugs.at(-1)}`)).slugs).toEqual([]);
  });

  it("rings through the queue of its job", async () => {
    const slugs = await register(101, "house");
    const seen = await visit("all", "deliveries");
    expect([seen.slugs, seen.batches]).toEqual([slugs, [100, 1]]);
  });

  it("is for the active tenants of this cell", async () => {
    const here = await register(2, "here");
    await register(2, "elsewhere", { cell: "test-2" });
    for (const state of ["claimed", "migrating", "seeding", "suspended", "deactivated"]) {
      await register(1, state, { state });
    }
    expect((await visit("all")).slugs).toEqual(here);
  });

  it("is for those who said within two hours that they had work, if only they are wanted", async () => {
    const now = Date.now();
    await register(3, "idle");
    const busy = await register(150, "busy", { activeAt: now });
    const lately = await register(1, "lately", { activeAt: now - 2 * HOUR + 1 });
    await register(1, "long-ago", { activeAt: now - 2 * HOUR });
    await register(1, "suspended", { activeAt: now, state: "suspended" });
    const seen = await visit("active");
    expect(seen.slugs).toEqual([...busy, ...lately]);
    expect(seen.batches).toEqual([100, 51]);
    expect((await visit("all")).slugs).toHaveLength(3 + 150 + 1 + 1);
  });
});

describe("the schedules", () => {
  beforeEach(async () => {
    await CONTROL.prepare("DELETE FROM tenants").run();
  });

  it("run each under its own name; one that fails stops no other, and shows in the end", async () => {
    const order: string[] = [];
    const schedule = (name: string, run: Schedule["run"], cron = "* * * * *"): Schedule => ({
      name,
      cron,
      run: async (ctx, own) => {
        order.push(name);
        expect(ctx.principal).toEqual({ kind: "job", name });
        await run(ctx, own);
      },
    });
    const schedules = [
      schedule("t.fails", () => Promise.reject(new Error("not today"))),
      schedule("t.works", async () => {}),
      schedule("t.hourly", async () => {}, "0 * * * *"),
    ];
    const { entries } = await captureLogs(() =>
      expect(runSchedules(schedules, "* * * * *", bindings)).rejects.toThrow("1 jobs failed"),
    );
    expect(order.sort()).toEqual(["t.fails", "t.works"]);
    const lines = entries.filter(({ message }) => message === "job");
    expect(lines.map(({ job, status }) => `${job} ${status}`).sort()).toEqual([
      "jobs.catch_up ok",
      "t.fails failed",
      "t.works ok",
    ]);
  });

  it("run at once: one that hangs holds up no other, nor what is made up for", async () => {
    const done: string[] = [];
    let hang: PromiseWithResolvers<void> | null = null;
    const schedule = (name: string, cron: string): Schedule => ({
      name,
      cron,
      run: async () => {
        if (name.startsWith("t.hangs")) await hang?.promise;
        done.push(name);
        // Not before both of the others are done.
        if (done.length === 2) hang?.resolve();
      },
    });
    const hourly = ["t.hangs_late", "t.late"].map((name) => schedule(name, "0 * * * *"));
    const minutely = ["t.hangs", "t.minutely"].map((name) => schedule(name, "* * * * *"));
    await runSchedules(hourly, "0 * * * *", bindings);
    clock.pass(2 * HOUR);
    done.length = 0;
    hang = Promise.withResolvers<void>();
    await runSchedules([...minutely, ...hourly], "* * * * *", bindings);
    expect(done.slice(0, 2).sort()).toEqual(["t.late", "t.minutely"]);
    expect(done).toHaveLength(4);
  });
});

describe("a tenant with work", () => {
  const activeAt = async (slug: string) => (await registryOf(slug))?.active_at;

  it("says so once an hour, however often it is asked", async () => {
    const { slug } = await newTenant();
    expect(await activeAt(slug)).toBeNull();
    const writes: number[] = [];
    const { env, trips } = deployment();
    for (const pause of [0, 1, HOUR - 2, 1, MINUTE]) {
      clock.pass(pause);
      const ctx = await tenantCtx(slug, env);
      trips.length = 0;
      await sayActive(ctx);
      writes.push(trips.filter((trip) => trip === "control batch").length);
    }
    expect(writes).toEqual([1, 0, 0, 1, 0]);
    expect(await activeAt(slug)).toBe(Date.now() - MINUTE);
  });

  it("does not put back what another isolate has said meanwhile", async () => {
    const { slug } = await newTenant();
    const later = Date.now() + 1;
    await CONTROL.prepare("UPDATE tenants SET active_at = ? WHERE slug = ?")
      .bind(later, slug)
      .run();
    await sayActive(await tenantCtx(slug));
    expect(await activeAt(slug)).toBe(later);
  });

  it("is a minute's row of the platform's log together with all others", async () => {
    clock.pass(MINUTE - (Date.now() % MINUTE));
    const houses = [await newTenant(), await newTenant(), await newTenant()];
    const counted = () =>
      firstValue<number>(
        CONTROL,
        "SELECT count(*) FROM audit_log WHERE action = 'tenant.seen_active'",
      );
    const before = await counted();
    for (const { slug } of houses) await sayActive(await tenantCtx(slug));
    expect((await counted()) - before).toBe(1);
  });
});
