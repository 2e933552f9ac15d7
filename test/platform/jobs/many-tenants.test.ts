/** What rounds do and cost when there are many tenants. */
import { beforeEach, describe, expect, it } from "vitest";
import { isDue } from "../../../scripts/lib/cron.ts";
import type { Bindings } from "../../../src/env.ts";
import type { TenantCtx } from "../../../src/platform/context.ts";
import { ROUNDS } from "../../../src/platform/jobs/chores.ts";
import type { Doorbell } from "../../../src/platform/jobs/doorbell.ts";
import { roundJobs } from "../../../src/platform/jobs/rounds.ts";
import { runSchedules } from "../../../src/platform/jobs/schedules.ts";
import { chores, schedules } from "../../../src/registry.ts";
import { GONE } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { newTenant } from "../../support/client.ts";
import { DAY, MINUTE, standingClock } from "../../support/clock.ts";
import { wrapD1 } from "../../support/d1.ts";
import { showFigures } from "../../support/figures.ts";
import { bring } from "../../support/queue-batches.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { seededRandom } from "../../support/random.ts";
import {
  countingDeployment,
  emptyRegistry,
  failures,
  type HouseRow,
  lodge,
  registerHouses,
  runsOf,
} from "../../support/rounds.ts";
import { COUNTS_EVENTS } from "../../support/schema.ts";
import { bindings, DEEP, databaseOf, registryOf } from "../../support/worker.ts";

const clock = standingClock();
beforeEach(emptyRegistry);

/** What Cloudflare bills for a message: it is written, read and deleted. */
const OPERATIONS = 3;
/** As in wrangler.toml. */
const BATCH = 10;

describe("a thousand tenants, one of them broken", () => {
  /** Databases that they live in: each is a tenant's own, and serves lodgers as if it were theirs. */
  const HOSTS = DEEP ? 190 : 20;

  /** Bindings of a thousand tenants; `brokenAt` has lost its database until it is mended. */
  async function settle(houses: readonly HouseRow[], brokenAt: number) {
    const hosts: { id: string; database: D1Database }[] = [];
    for (let made = 0; made < HOSTS; made++) {
      const { id, slug } = await newTenant();
      hosts.push({ id, database: databaseOf(String((await registryOf(slug))?.binding)) });
    }
    await bindings.CONTROL_DB.prepare(
      "UPDATE tenants SET state = 'deactivated' WHERE binding <> 'TENANT_DB_' || slug",
    ).run();
    const broken = { is: true };
    const homes = houses.map(({ id, binding }, at) => {
      const host = hosts[at % HOSTS] as (typeof hosts)[number];
      const home = lodge(host.database, id, host.id);
      if (at !== brokenAt) return [binding, home];
      const guarded = wrapD1(home, (_, run) =>
        broken.is ? Promise.reject(new Error(GONE)) : run(),
      );
      return [binding, guarded];
    });
    return { homes: Object.fromEntries(homes) as Partial<Bindings>, broken };
  }

  it("are 999 done and 1 recorded, and a thousand when it is mended", async ({ task }) => {
    const random = seededRandom("which is broken");
    const houses = await registerHouses(1_000, "house", { activeAt: Date.now() });
    const brokenAt = Math.floor(random.next() * houses.length);
    const { homes, broken } = await settle(houses, brokenAt);
    const { env, queues, trips, batches } = countingDeployment();
    const sweeps = schedules.filter(({ name }) => name === "rounds.sweep");
    await runSchedules(sweeps, ROUNDS.sweep.cron, env);
    // Eleven pages (the last is empty), begin, end; and two looks for what did not run.
    expect(trips).toEqual({ "control read": 11 + 2, "control batch": 2 });
    expect(batches).toEqual(Array.from({ length: 10 }, () => 100));

    const bells = queues.take().map(({ body }) => body);
    const own = { ...env, ...homes } as Bindings;
    const retried = await visitAll(bells, own);
    expect(retried.map(({ slug }) => slug)).toEqual([houses[brokenAt]?.slug]);
    const outcome = async () => (await runsOf("rounds.sweep"))[0];
    expect(await outcome()).toMatchObject({
      status: "failed",
      tenants: 1_000,
      done: 999,
      failed: 1,
      error: null,
    });
    const sweeping = chores.filter(({ rounds }) => rounds.includes("sweep"));
    const [failure, ...others] = await failures();
    expect(others).toEqual([]);
    expect(failure).toMatchObject({
      slug: houses[brokenAt]?.slug,
      error: "database-unavailable",
      tries: 1,
    });
    expect(JSON.parse(failure?.chores ?? "")).toEqual(sweeping.map(({ name }) => name));
    // They are idle: nobody is rung for any further.
    expect(queues.take()).toEqual([]);
    const counting = trips["control batch"] ?? 0;

    broken.is = false;
    expect(await visitAll(retried, own)).toEqual([]);
    expect(await outcome()).toMatchObject({ status: "done", done: 1_000, failed: 0 });
    expect(await failures()).toEqual([]);
    showFigures(
      task,
      `1,000 tenants in ${HOSTS} databases: 999 done, 1 recorded; mended: 1,000 done`,
      `handler: 11 pages, 10 sendBatch, 2 commits, 0 tenant databases; consumers: ${counting - 2} commits to count`,
    );
  });

  async function visitAll(bells: readonly Doorbell[], own: Bindings): Promise<Doorbell[]> {
    const again: Doorbell[] = [];
    await captureLogs(async () => {
      for (let from = 0; from < bells.length; from += BATCH) {
        const batch = bells.slice(from, from + BATCH);
        const { retried } = await bring("doorbells", batch, { env: own });
        again.push(...retried.map(([at]) => batch[at] as Doorbell));
      }
    });
    return again;
  }
});

describe("ten thousand idle tenants", () => {
  it("are rung within the handler's budget: 100 pages, 100 sendBatch", async ({ task }) => {
    await registerHouses(10_000, "idle");
    const { env, trips, batches } = countingDeployment();
    const nightly = schedules.filter(({ name }) => name === "rounds.nightly");
    await runSchedules(nightly, ROUNDS.nightly.cron, env);
    // The page after the last full one tells that it was the last.
    expect(trips).toEqual({ "control read": 101, "control batch": 2 });
    expect(batches).toEqual(Array.from({ length: 100 }, () => 100));
    showFigures(task, "10,000 tenants: 101 pages, 100 sendBatch, 2 commits, 0 tenant databases");
  });

  /**
   * The times of a day at which a cron is due. All are run where the full counts are wanted, else the
   * first of each cron: they are equal while nobody has work.
   */
  function dueTimes(cron: string, midnight: number): Date[] {
    const minutes = Array.from({ length: DAY / MINUTE }, (_, minute) => minute);
    return minutes
      .map((minute) => new Date(midnight + minute * MINUTE))
      .filter((time) => isDue(cron, time));
  }

  it("cost less than 300,000 queue operations a day", async ({ task }) => {
    await registerHouses(10_000, "idle");
    const midnight = Math.ceil(Date.now() / DAY) * DAY;
    const crons = [...new Set(schedules.map(({ cron }) => cron))];
    const due = new Map(crons.map((cron) => [cron, dueTimes(cron, midnight)] as const));
    expect(Object.fromEntries([...due].map(([cron, times]) => [cron, times.length]))).toEqual({
      "* * * * *": 1_440,
      "*/5 * * * *": 288,
      "*/30 * * * *": 48,
      "0 * * * *": 24,
      "10 */4 * * *": 6,
      "40 2 * * *": 1,
    });
    const firings = [...due]
      .flatMap(([cron, times]) => {
        const run = DEEP ? times : times.slice(0, 1);
        return run.map((time) => ({ cron, time, weight: times.length / run.length }));
      })
      .sort((a, b) => a.time.getTime() - b.time.getTime());
    const sum = { messages: 0, reads: 0, commits: 0 };
    await captureLogs(async () => {
      for (const { cron, time, weight } of firings) {
        clock.pass(time.getTime() - Date.now());
        const { env, trips, batches } = countingDeployment();
        await runSchedules(schedules, cron, env);
        expect(Object.keys(trips).filter((trip) => trip.startsWith("tenant"))).toEqual([]);
        sum.messages += weight * batches.reduce((total, size) => total + size, 0);
        sum.reads += weight * (trips["control read"] ?? 0);
        sum.commits += weight * (trips["control batch"] ?? 0);
      }
    });
    expect(sum.messages).toBe(7 * 10_000);
    expect(sum.messages * OPERATIONS).toBeLessThan(300_000);
    showFigures(
      task,
      `10,000 idle tenants, a day of ${firings.length} firings run: ${sum.messages} messages, ${sum.messages * OPERATIONS} queue operations`,
      `the handler: ${sum.reads} control reads, ${sum.commits} control commits`,
    );
  }, 600_000);

  it.each(["tenants.purge", "migrations.advance"])(
    "cost %s one read and the two commits of its run, a minute",
    async (name) => {
      await registerHouses(10_000, "idle");
      const { env, trips, batches } = countingDeployment();
      const [own, ...others] = schedules.filter((schedule) => schedule.name === name);
      expect([own?.cron, others]).toEqual(["* * * * *", []]);
      await runSchedules(own ? [own] : [], "* * * * *", env);
      // And the minute's two looks for what did not run.
      expect(trips).toEqual({ "control read": 1 + 2, "control batch": 2 });
      expect(batches).toEqual([]);
    },
  );

  /** The rounds past all tenants, in which one is visited that has data, but nothing to do. */
  it("ring for nothing when they are visited, and each chore looks once", async ({ task }) => {
    const house = await settledHouse();
    const midnight = Math.ceil(Date.now() / DAY) * DAY;
    const looks: Record<string, Record<string, number>> = {};
    const { env, queues, trips, batches } = countingDeployment();
    const watched = chores.map((chore) => ({
      ...chore,
      run: async (ctx: TenantCtx) => {
        const before = { ...trips };
        await chore.run(ctx);
        looks[chore.name] = difference(trips, before);
      },
    }));
    const visits = [ROUNDS.idle, ROUNDS.nightly].flatMap(({ cron }) =>
      dueTimes(cron, midnight).map((time) => ({ cron, time })),
    );
    visits.sort((one, other) => one.time.getTime() - other.time.getTime());
    for (const { cron, time } of visits) {
      clock.pass(time.getTime() - Date.now());
      await runSchedules(schedules, cron, env);
      const [bell, ...others] = queues.take();
      expect([bell?.body.slug, others]).toEqual([house.tenant.slug, []]);
      const { acked } = await bring("doorbells", [bell?.body], { env, jobs: roundJobs(watched) });
      expect([acked, queues.take()]).toEqual([[0], []]);
    }
    expect(visits).toHaveLength(7);
    expect(batches).toEqual(Array(7).fill(1));
    const visited = chores.filter(({ rounds }) =>
      rounds.some((name) => ROUNDS[name].which === "all"),
    );
    const once = visited.map(({ name }) => [name, { "tenant read": 1 }]);
    // Whoever has received webhooks reads when a consumer was last there; the sweep keeps that up.
    const seen = { "webhooks.sweep": { "tenant read": 1, "tenant batch": 1 } };
    // The schema before has nothing to look at.
    const unseen = COUNTS_EVENTS ? {} : { "usage.forget": {} };
    expect(looks).toEqual({ ...Object.fromEntries(once), ...seen, ...unseen });
    const { "tenant read": reads, "tenant batch": commits = 0 } = trips;
    showFigures(
      task,
      `one idle tenant, 7 visits: 0 bells, ${reads} reads and ${commits} commits in its database, ` +
        `${visited.length} chores of one read each`,
    );
  });

  /** A tenant where something happened, and all of it is done. */
  async function settledHouse(): Promise<QuietHouse> {
    const house = await quietHouse();
    await house.accept("payment-1", "payment.settled");
    await house.drain();
    const add = async (path: string, body: object) => {
      const reply = await house.ask("POST", path, body);
      expect(reply.status, reply.text).toBe(201);
      return reply.json.id as string;
    };
    const actor_id = await add("/actors", { type: "support", name: "Ada" });
    await add("/signal-rules", { metric: "load", operator: ">", threshold: 9, severity: "high" });
    await add("/events", { actor_id, event_type: "call_answered", metadata: { length: 3 } });
    const signal = await add("/signals", { severity: "critical", title: "Something" });
    expect((await house.ask("POST", `/signals/${signal}/resolve`)).status).toBe(200);
    return house;
  }
});

/** What was added to each count. */
function difference(
  now: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
) {
  const added = Object.entries(now).map(([what, count]) => [what, count - (before[what] ?? 0)]);
  return Object.fromEntries(added.filter(([, count]) => count !== 0));
}
