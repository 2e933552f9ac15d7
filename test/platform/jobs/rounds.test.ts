/** Rounds: one bell at each tenant, all chores at one visit, and a row that tells what came of it. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { type Chore, ROUNDS, type Round } from "../../../src/platform/jobs/chores.ts";
import { consume } from "../../../src/platform/jobs/consume.ts";
import { roundJobs, roundSchedules } from "../../../src/platform/jobs/rounds.ts";
import { runSchedules } from "../../../src/platform/jobs/schedules.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { chores, schedules } from "../../../src/registry.ts";
import { brokenControl } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { HOUR, MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import { holdQueues } from "../../support/held-queues.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { bring } from "../../support/queue-batches.ts";
import {
  countingDeployment,
  emptyRegistry,
  failures,
  registerHouses,
  runsOf,
} from "../../support/rounds.ts";
import { bindings, tick } from "../../support/worker.ts";

const clock = standingClock();
beforeEach(emptyRegistry);

describe("a round", () => {
  it("rings each tenant once, and says how many; active ones only where it is for them", async () => {
    await registerHouses(2, "idle");
    await registerHouses(1, "busy", { activeAt: Date.now() });
    await registerHouses(1, "suspended", { state: "suspended", activeAt: Date.now() });
    const rung: Record<string, string[]> = {};
    for (const { name, cron } of roundSchedules) {
      const { env, queues, trips } = countingDeployment();
      await runSchedules(
        roundSchedules.filter((each) => each.name === name),
        cron,
        env,
      );
      const [run] = await runsOf(name);
      const sent = queues.take();
      rung[name] = sent.map(({ body }) => `${body.job} ${body.slug}`);
      expect(sent.map(({ body }) => body.item)).toEqual(sent.map((_, at) => `${run?.id}.${at}`));
      expect(run).toMatchObject({ status: "running", tenants: sent.length, done: 0, failed: 0 });
      expect(Object.keys(trips).filter((trip) => trip.startsWith("tenant"))).toEqual([]);
    }
    const all = ["busy-00000", "idle-00000", "idle-00001"];
    const visits = (round: string, slugs: string[]) => [
      `rounds.${round}`,
      slugs.map((slug) => `rounds.${round} ${slug}`),
    ];
    expect(rung).toEqual(
      Object.fromEntries([
        ...["sweep", "health", "review", "cleanup"].map((round) => visits(round, ["busy-00000"])),
        ...["idle", "nightly"].map((round) => visits(round, all)),
      ]),
    );
  });

  it("past no tenants at all is over at once", async () => {
    await tick({ ...bindings, ...keptQueues().bindings });
    const [run] = await runsOf("rounds.sweep");
    expect(run).toMatchObject({ status: "done", tenants: 0, done: 0, failed: 0, error: null });
    expect(run?.finished_at).toBe(Date.now());
  });

  it("has its chores named in the registry: no name twice, none without a round", () => {
    const names = chores.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(chores.filter(({ rounds }) => rounds.length === 0)).toEqual([]);
    expect(new Set(schedules.map(({ name }) => name)).size).toBe(schedules.length);
  });
});

describe("a visit", () => {
  /** Chores that note their calls; those of `broken` fail at its tenant. */
  function choresWith(broken: { readonly slug: string; readonly names: Set<string> }) {
    const calls: string[] = [];
    const chore = (name: string, rounds: Chore["rounds"], error: () => Error): Chore => ({
      name,
      rounds,
      run: async ({ realm, principal, db }) => {
        expect(principal).toEqual({ kind: "job", name });
        expect(db.realmId).toBe(realm.id);
        calls.push(`${name} ${realm.slug}`);
        if (realm.slug === broken.slug && broken.names.has(name)) throw error();
      },
    });
    const jobs = roundJobs([
      chore("t.first", ["sweep"], () => new Error("canary cause")),
      chore("t.second", ["sweep", "idle"], () => new Failure("database-unavailable")),
      chore("t.third", ["sweep"], () => new RangeError("not today")),
      chore("t.nightly", ["nightly"], () => new Error("not tonight")),
    ]);
    return { jobs, calls };
  }

  async function houses(count: number) {
    const made: TestTenant[] = [];
    for (let at = 0; at < count; at++) made.push(await newTenant());
    await bindings.CONTROL_DB.prepare("UPDATE tenants SET active_at = ?").bind(Date.now()).run();
    return made.sort((a, b) => (a.id < b.id ? -1 : 1)) as [TestTenant, TestTenant, ...TestTenant[]];
  }

  /** Rings a round. @returns the bodies of its bells, in their order */
  async function ringRound(round: Round = "sweep") {
    const queues = keptQueues();
    const own = roundSchedules.filter(({ name }) => name === `rounds.${round}`);
    await runSchedules(own, ROUNDS[round].cron, { ...bindings, ...queues.bindings });
    return queues.take().map(({ body }) => body);
  }

  it("does all chores of the round in turn; one that fails stops none, and the bell comes again", async () => {
    const [a, b] = await houses(2);
    const { jobs, calls } = choresWith({ slug: b.slug, names: new Set(["t.first", "t.third"]) });
    const bells = await ringRound();
    const { result, entries } = await captureLogs(() => bring("doorbells", bells, { jobs }));
    expect(result).toEqual({ acked: [0], retried: [[1, 10]] });
    const of = (slug: string) => calls.filter((call) => call.endsWith(slug));
    for (const { slug } of [a, b]) {
      expect(of(slug)).toEqual(["t.first", "t.second", "t.third"].map((name) => `${name} ${slug}`));
    }
    expect(entries.filter(({ message }) => message === "chore failed")).toMatchObject([
      { level: "error", chore: "t.first", job: "rounds.sweep", error: "Error: canary cause" },
      { level: "error", chore: "t.third", job: "rounds.sweep", error: "RangeError: not today" },
    ]);
    const [run] = await runsOf("rounds.sweep");
    expect(run).toMatchObject({ status: "failed", tenants: 2, done: 1, failed: 1, error: null });
    expect(await failures()).toMatchObject([
      {
        tenant_id: b.id,
        slug: b.slug,
        chores: '["t.first","t.third"]',
        error: "RangeError",
        tries: 1,
      },
    ]);
  });

  it("that succeeds in a later try has not failed", async () => {
    const [, b] = await houses(3);
    const broken = { slug: b.slug, names: new Set(["t.second"]) };
    const { jobs } = choresWith(broken);
    const bells = await ringRound();
    await bring("doorbells", bells, { jobs });
    clock.pass(10 * SECOND);
    await bring("doorbells", [bells[1]], { jobs });
    expect(await failures()).toMatchObject([
      { slug: b.slug, error: "database-unavailable", tries: 2 },
    ]);
    expect((await runsOf("rounds.sweep"))[0]).toMatchObject({
      status: "failed",
      done: 2,
      failed: 1,
    });
    broken.names.clear();
    clock.pass(10 * SECOND);
    expect(await bring("doorbells", [bells[1]], { jobs })).toEqual({ acked: [0], retried: [] });
    expect((await runsOf("rounds.sweep"))[0]).toMatchObject({
      status: "done",
      done: 3,
      failed: 0,
      finished_at: Date.now(),
    });
    expect(await failures()).toEqual([]);
  });

  it("counts once, however often its bell comes and whatever came of it before", async () => {
    const [a] = await houses(3);
    const broken = { slug: a.slug, names: new Set<string>() };
    const { jobs } = choresWith(broken);
    const bells = await ringRound();
    await bring("doorbells", [bells[2], bells[0], bells[2]], { jobs });
    await bring("doorbells", [bells[0]], { jobs });
    const standing = async () => (await runsOf("rounds.sweep"))[0];
    expect(await standing()).toMatchObject({
      status: "running",
      done: 2,
      failed: 0,
      finished_at: null,
    });
    // Somebody's work is done, though a doubled bell fails there.
    broken.names.add("t.first");
    await bring("doorbells", [bells[0]], { jobs });
    expect(await standing()).toMatchObject({ status: "running", done: 2, failed: 0 });
    expect(await failures()).toEqual([]);
    await bring("doorbells", [bells[1]], { jobs });
    const finishedAt = Date.now();
    expect(await standing()).toMatchObject({ status: "done", done: 3, finished_at: finishedAt });
    clock.pass(MINUTE);
    await bring("doorbells", [...bells, ...bells], { jobs });
    expect(await standing()).toMatchObject({
      status: "done",
      done: 3,
      failed: 0,
      finished_at: finishedAt,
    });
  });

  it("of a tenant that has left meanwhile is done", async () => {
    const [a] = await houses(2);
    const { jobs, calls } = choresWith({ slug: "", names: new Set() });
    const bells = await ringRound();
    const gone = bells.map((bell) => (bell.slug === a.slug ? { ...bell, slug: "has-left" } : bell));
    expect(await bring("doorbells", gone, { jobs })).toEqual({ acked: [0, 1], retried: [] });
    expect(calls.filter((call) => call.endsWith(a.slug))).toEqual([]);
    expect((await runsOf("rounds.sweep"))[0]).toMatchObject({ status: "done", done: 2, failed: 0 });
  });

  it("that cannot be counted is done all the same, and the log tells", async () => {
    await houses(2);
    const { jobs, calls } = choresWith({ slug: "", names: new Set() });
    const bells = await ringRound();
    // Routes are known by now, so that the visits need no registry.
    await bring("doorbells", [bells[0]], { jobs });
    await bring("doorbells", [bells[1]], { jobs });
    calls.length = 0;
    const env = { ...bindings, ...brokenControl() } as Bindings;
    const { result, entries } = await captureLogs(() => bring("doorbells", bells, { env, jobs }));
    expect(result).toEqual({ acked: [0, 1], retried: [] });
    expect(calls).toHaveLength(6);
    expect(entries).toContainEqual(
      expect.objectContaining({ level: "info", job: "rounds.count", status: "failed" }),
    );
  });

  it("whose bell was buried is rung for once more, where that comes before the next run", async () => {
    await houses(1);
    const { jobs, calls } = choresWith({ slug: "", names: new Set() });
    const bury = async (bell: unknown) => {
      const queues = keptQueues();
      const env = { ...bindings, ...queues.bindings } as Bindings;
      const settled = await bring("dead-letters", [bell], { env, jobs });
      expect(settled).toEqual({ acked: [0], retried: [] });
      return queues.take();
    };
    for (const round of ["sweep", "health", "review", "idle", "nightly"] as const) {
      const [bell] = await ringRound(round);
      clock.pass(MINUTE);
      const again = { ...bell, again: true };
      const isRare = round === "idle" || round === "nightly";
      const rung = [{ queue: "doorbells", body: again, delaySeconds: 3_600 }];
      expect(await bury(bell), round).toEqual(isRare ? rung : []);
      expect(await bury(again), round).toEqual([]);
    }
    // In an hour, the next idle round has begun.
    const [late] = await ringRound("idle");
    clock.pass(3 * HOUR);
    expect(await bury(late)).toHaveLength(1);
    clock.pass(1);
    expect(await bury(late)).toEqual([]);
    expect(calls).toEqual([]);
  });

  it("that fails all night is made six times, and six times an hour later", async ({ task }) => {
    const [a] = await houses(1);
    const { jobs, calls } = choresWith({ slug: a.slug, names: new Set(["t.nightly"]) });
    const queues = holdQueues();
    const env = { ...bindings, ...queues.bindings() } as Bindings;
    const own = roundSchedules.filter(({ name }) => name === "rounds.nightly");
    await runSchedules(own, ROUNDS.nightly.cron, env);
    const from = Date.now();
    await captureLogs(async () => {
      while (queues.waiting().length > 0 && calls.length < 100) {
        const next = Math.min(...queues.waiting().map(({ readyAt }) => readyAt));
        clock.pass(Math.max(0, next - Date.now()));
        for (const queue of ["doorbells", "dead-letters"] as const) {
          await queues.deliver(queues.take(queue), (batch) => consume(jobs, batch, env));
        }
      }
    });
    const minutes = (Date.now() - from) / MINUTE;
    expect([calls.length, Math.floor(minutes)]).toEqual([12, 61]);
    expect((await runsOf("rounds.nightly"))[0]).toMatchObject({ status: "failed", failed: 1 });
    expect(await failures()).toMatchObject([{ slug: a.slug, tries: 12 }]);
    showFigures(task, `${calls.length} visits in ${minutes.toFixed(1)} minutes, then none`);
  });

  it("whose next run has begun is shed, and the run says that it was not heard of", async () => {
    await houses(2);
    const { jobs, calls } = choresWith({ slug: "", names: new Set() });
    const [first, second] = await ringRound();
    clock.pass(MINUTE);
    await bring("doorbells", [first], { jobs });
    expect(calls).toHaveLength(3);
    clock.pass(1);
    expect(await bring("doorbells", [second], { jobs })).toEqual({ acked: [0], retried: [] });
    expect(calls).toHaveLength(3);
    clock.pass(3 * HOUR);
    await runSchedules([], "* * * * *", bindings);
    expect((await runsOf("rounds.sweep"))[0]).toMatchObject({
      status: "failed",
      error: "unheard",
      tenants: 2,
      done: 1,
      failed: 0,
    });
  });

  it("keeps a hundred failures of a run: what fails everywhere needs no more", async () => {
    await houses(1);
    const [bell] = await ringRound();
    const [runId] = String(bell?.item).split(".");
    await registerHouses(250, "lost");
    // No database is bound for them, so that none can be entered.
    const { entries } = await captureLogs(async () => {
      for (let from = 0; from < 250; from += 10) {
        const bells = Array.from({ length: 10 }, (_, at) => {
          const slug = `lost-${String(from + at).padStart(5, "0")}`;
          return {
            job: "rounds.sweep",
            tenant_id: `tenant_${slug}`,
            slug,
            item: `${runId}.${from + at}`,
          };
        });
        await bring("doorbells", bells, { jobs: roundJobs([]) });
      }
    });
    expect(entries.filter(({ message }) => message === "job failed")).toHaveLength(250);
    const kept = await failures();
    expect(kept).toHaveLength(100);
    expect(kept[0]).toMatchObject({ slug: "lost-00000", chores: "[]", error: "Error", tries: 1 });
  });
});
