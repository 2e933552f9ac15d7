/** Schedules that fail, end on the way or do not run at all, and how that is made up for. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { roundSchedules } from "../../../src/platform/jobs/rounds.ts";
import { runSchedules, type Schedule } from "../../../src/platform/jobs/schedules.ts";
import { brokenControl, GONE } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { DAY, HOUR, MINUTE, standingClock } from "../../support/clock.ts";
import { wrapD1 } from "../../support/d1.ts";
import { showFigures } from "../../support/figures.ts";
import { keptQueues, type Sent } from "../../support/kept-queues.ts";
import { seededRandom } from "../../support/random.ts";
import { emptyRegistry, type RunRow, registerHouses, runsOf } from "../../support/rounds.ts";
import { bindings } from "../../support/worker.ts";

const clock = standingClock();
beforeEach(emptyRegistry);

const NIGHTLY = "40 2 * * *";
const EVERY_MINUTE = "* * * * *";
const nightly = roundSchedules.filter(({ name }) => name === "rounds.nightly");
/** How long the next attempt waits after so many, in minutes. */
const PAUSES = [1, 2, 4, 8];

/** A deployment whose control database and queue can be made to fail, by the number of the call. */
function faultyDeployment() {
  const queues = keptQueues();
  const seen = { pages: 0, calls: 0 };
  const faults = { page: -1, call: -1, writes: false };
  const bells = queues.bindings.DOORBELLS;
  const env = {
    ...bindings,
    ...queues.bindings,
    DOORBELLS: {
      ...bells,
      sendBatch: async (messages: Iterable<MessageSendRequest>) => {
        if (seen.calls++ === faults.call) throw new Error("Queue is overloaded");
        return bells.sendBatch(messages);
      },
    },
    CONTROL_DB: wrapD1(bindings.CONTROL_DB, async ({ kind, sql }, run) => {
      if (kind === "batch" && faults.writes) throw new Error(GONE);
      if (kind === "read" && /from "tenants"/.test(String(sql)) && seen.pages++ === faults.page) {
        faults.writes = true;
        throw new Error("D1_ERROR: D1 DB is overloaded. Requests queued for too long.");
      }
      return run();
    }),
  } as unknown as Bindings;
  const mend = () => Object.assign(faults, { page: -1, call: -1, writes: false });
  return { env, queues, faults, mend };
}

/** Fires a cron. @returns whether the invocation failed, and what it logged */
async function fire(env: Bindings, cron: string, schedules: readonly Schedule[] = nightly) {
  const { result, entries } = await captureLogs(() =>
    runSchedules(schedules, cron, env).then(
      () => null,
      (error: unknown) => error,
    ),
  );
  return { failed: result !== null, entries };
}

const slugsOf = (sent: readonly Sent[]) => sent.map(({ body }) => body.slug);
const standing = ({ status, tenants, attempt, resumes, error }: RunRow) => ({
  status,
  tenants,
  attempt,
  resumes,
  error,
});

describe("a round that breaks off", () => {
  it("because a queue refuses goes on where it stopped, and leaves out nobody", async ({
    task,
  }) => {
    const random = seededRandom("refused page");
    const houses = await registerHouses(950, "house");
    const { env, queues, faults, mend } = faultyDeployment();
    const page = Math.floor(random.next() * 10);
    faults.call = page;
    const reached = page * 100;
    expect((await fire(env, NIGHTLY)).failed).toBe(true);
    const [first] = await runsOf("rounds.nightly");
    expect(first && standing(first)).toEqual({
      status: "failed",
      tenants: reached,
      attempt: 1,
      resumes: null,
      error: "Error",
    });
    expect(first?.resume_after).toBe(houses[reached - 1]?.id ?? null);
    mend();
    // Not before its pause is over.
    clock.pass(MINUTE - 1);
    await fire(env, EVERY_MINUTE);
    expect(await runsOf("rounds.nightly")).toHaveLength(1);
    clock.pass(1);
    expect((await fire(env, EVERY_MINUTE)).failed).toBe(false);
    const [, second] = await runsOf("rounds.nightly");
    expect(second && standing(second)).toEqual({
      status: "running",
      tenants: 950 - reached,
      attempt: 2,
      resumes: first?.id,
      error: null,
    });
    const sent = queues.take();
    expect(slugsOf(sent)).toEqual(houses.map(({ slug }) => slug));
    // Each run has places of its own, so that no two tenants share one.
    expect(new Set(sent.map(({ body }) => body.item)).size).toBe(950);
    // And once only.
    clock.pass(MINUTE);
    await fire(env, EVERY_MINUTE);
    expect(await runsOf("rounds.nightly")).toHaveLength(2);
    showFigures(task, `refused at page ${page + 1}: 950 of 950 rung, none twice`);
  });

  it("because the control database fails is found abandoned, and begins anew", async ({ task }) => {
    const random = seededRandom("failed page");
    const houses = await registerHouses(950, "house");
    const { env, queues, faults, mend } = faultyDeployment();
    const page = Math.floor(random.next() * 10);
    faults.page = page;
    const { failed, entries } = await fire(env, NIGHTLY);
    expect(failed).toBe(true);
    expect(entries).toContainEqual(expect.objectContaining({ message: "run not logged" }));
    expect((await runsOf("rounds.nightly"))[0]).toMatchObject({ status: "running", tenants: null });
    const before = slugsOf(queues.take());
    expect(before).toHaveLength(page * 100);
    mend();
    clock.pass(15 * MINUTE);
    await fire(env, EVERY_MINUTE);
    expect(await runsOf("rounds.nightly")).toHaveLength(1);
    // It may have been alive until now; its pause counts from when it was found.
    clock.pass(1);
    await fire(env, EVERY_MINUTE);
    expect((await runsOf("rounds.nightly"))[0]).toMatchObject({
      status: "failed",
      error: "abandoned",
    });
    clock.pass(MINUTE);
    await fire(env, EVERY_MINUTE);
    expect(slugsOf(queues.take())).toEqual(houses.map(({ slug }) => slug));
    expect((await runsOf("rounds.nightly"))[1]).toMatchObject({ attempt: 2, tenants: 950 });
    showFigures(
      task,
      `failed at page ${page + 1}: 950 of 950 rung, ${before.length} of them twice`,
    );
  });

  it("is tried five times, with pauses that double, and then left to the next night", async () => {
    await registerHouses(150, "house");
    const { env, faults } = faultyDeployment();
    const refuse = async (cron: string) => {
      faults.call = 0;
      const queues = keptQueues();
      queues.breakWith("Queue is down");
      return fire({ ...env, ...queues.bindings }, cron);
    };
    await refuse(NIGHTLY);
    const minutes: number[] = [];
    for (let minute = 1; minute <= 60; minute++) {
      clock.pass(MINUTE);
      const before = (await runsOf("rounds.nightly")).length;
      const { failed } = await refuse(EVERY_MINUTE);
      const after = (await runsOf("rounds.nightly")).length;
      expect(failed).toBe(after > before);
      if (after > before) minutes.push(minute);
    }
    expect(minutes).toEqual([1, 3, 7, 15]);
    expect(minutes.map((minute, at) => minute - (minutes[at - 1] ?? 0))).toEqual(PAUSES);
    const runs = await runsOf("rounds.nightly");
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
    // The next night is a new one.
    clock.pass(DAY);
    await refuse(NIGHTLY);
    expect((await runsOf("rounds.nightly")).at(-1)).toMatchObject({ attempt: 1, resumes: null });
  });

  it("is taken up once, though two ticks look at the same time", async () => {
    const houses = await registerHouses(120, "house");
    const { env, queues, faults, mend } = faultyDeployment();
    faults.call = 1;
    await fire(env, NIGHTLY);
    mend();
    queues.take();
    clock.pass(MINUTE);
    const [one, other] = [
      runSchedules(nightly, EVERY_MINUTE, env),
      runSchedules(nightly, EVERY_MINUTE, env),
    ];
    await Promise.all([one, other]);
    expect(await runsOf("rounds.nightly")).toHaveLength(2);
    expect(slugsOf(queues.take())).toEqual(houses.slice(100).map(({ slug }) => slug));
  });
});

describe("a schedule", () => {
  const schedule = (run: Schedule["run"]): Schedule => ({
    name: "t.hourly",
    cron: "0 * * * *",
    run,
  });

  it("that fails is seen, run again, and seen to have succeeded", async () => {
    let fails = true;
    const own = [
      schedule(async () => {
        if (fails) throw new TypeError("canary cause");
      }),
    ];
    const { failed } = await fire(bindings, "0 * * * *", own);
    expect(failed).toBe(true);
    fails = false;
    clock.pass(MINUTE);
    expect((await fire(bindings, EVERY_MINUTE, own)).failed).toBe(false);
    const runs = await runsOf("t.hourly");
    expect(runs.map(standing)).toEqual([
      { status: "failed", tenants: null, attempt: 1, resumes: null, error: "TypeError" },
      { status: "done", tenants: null, attempt: 2, resumes: runs[0]?.id, error: null },
    ]);
  });

  it("that could not even be logged is started when the hour and some minutes are over", async () => {
    const ran: number[] = [];
    const own = [schedule(async () => void ran.push(Date.now()))];
    await fire(bindings, "0 * * * *", own);
    clock.pass(HOUR);
    const silent = { ...bindings, ...brokenControl() };
    expect((await fire(silent, "0 * * * *", own)).failed).toBe(true);
    expect((await fire(silent, EVERY_MINUTE, own)).failed).toBe(true);
    clock.pass(5 * MINUTE);
    await fire(bindings, EVERY_MINUTE, own);
    expect(ran).toHaveLength(1);
    clock.pass(1);
    await fire(bindings, EVERY_MINUTE, own);
    await fire(bindings, EVERY_MINUTE, own);
    expect(ran).toHaveLength(2);
    expect((await runsOf("t.hourly")).map(({ status }) => status)).toEqual(["done", "done"]);
  });

  it("that never ran waits for its cron", async () => {
    const ran: string[] = [];
    const own = [schedule(async () => void ran.push("now"))];
    clock.pass(7 * DAY);
    await fire(bindings, EVERY_MINUTE, own);
    expect(ran).toEqual([]);
  });

  it("is one for each cell: none goes on with another's, and none passes for another's", async () => {
    const ran: string[] = [];
    const cells = ["test-1", "test-2"].map((CELL) => {
      const env = { ...bindings, CELL };
      let fails = CELL === "test-1";
      const own = [
        schedule(async () => {
          ran.push(CELL);
          if (fails) throw new Error("the first time");
        }),
      ];
      const mend = () => {
        fails = false;
      };
      return { mend, tick: (cron: string) => fire(env, cron, own) };
    });
    const [one, other] = cells as [(typeof cells)[number], (typeof cells)[number]];
    await one.tick("0 * * * *");
    await other.tick("0 * * * *");
    one.mend();
    clock.pass(MINUTE);
    await other.tick(EVERY_MINUTE);
    expect(ran).toEqual(["test-1", "test-2"]);
    await one.tick(EVERY_MINUTE);
    expect(ran).toEqual(["test-1", "test-2", "test-1"]);
    // The other's cron does not come, and the first one's does.
    clock.pass(HOUR + 5 * MINUTE);
    await one.tick("0 * * * *");
    await other.tick(EVERY_MINUTE);
    expect(ran.slice(3)).toEqual(["test-1", "test-2"]);
  });

  it("whose tenants failed is not run again: their bells are", async () => {
    await bindings.CONTROL_DB.prepare(
      `INSERT INTO job_runs (id, name, status, started_at, finished_at, tenants, done, failed)
      VALUES ('run_0', 'rounds.nightly', 'failed', ?1, ?1, 2, 1, 1)`,
    )
      .bind(Date.now())
      .run();
    clock.pass(HOUR);
    await fire(bindings, EVERY_MINUTE);
    expect(await runsOf("rounds.nightly")).toHaveLength(1);
  });
});

describe("a run that tenants are missing from", () => {
  it("is closed after two hours, not taken up, and still counts who comes late", async () => {
    await registerHouses(2, "house");
    const { env, queues } = faultyDeployment();
    await fire(env, NIGHTLY);
    clock.pass(2 * HOUR);
    await fire(env, EVERY_MINUTE);
    expect((await runsOf("rounds.nightly"))[0]).toMatchObject({ status: "running", error: null });
    clock.pass(MINUTE);
    await fire(env, EVERY_MINUTE);
    const closed = { status: "failed", tenants: 2, done: 0, failed: 0, error: "unheard" };
    expect((await runsOf("rounds.nightly"))[0]).toMatchObject({
      ...closed,
      finished_at: Date.now(),
    });
    clock.pass(MINUTE);
    await fire(env, EVERY_MINUTE);
    const runs = await runsOf("rounds.nightly");
    expect(runs).toHaveLength(1);
    const bells = queues.take().map(({ body }) => ({ ...body, slug: "has-left" }));
    const { bring } = await import("../../support/queue-batches.ts");
    await bring("doorbells", [bells[0]]);
    expect((await runsOf("rounds.nightly"))[0]).toMatchObject({ ...closed, done: 1 });
    await bring("doorbells", [bells[1]]);
    const heard = { status: "done", done: 2, failed: 0, error: null, finished_at: Date.now() };
    expect((await runsOf("rounds.nightly"))[0]).toMatchObject(heard);
  });
});
