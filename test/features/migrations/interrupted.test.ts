/** Migrations whose bells are lost, whose isolates die, and whose tenants are elsewhere. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { newOperator } from "../../support/client.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { LOST_TEXTS } from "../../support/d1.ts";
import { showFigures } from "../../support/figures.ts";
import {
  bringAll,
  emptyFleet,
  migrationBells,
  minute,
  NEWEST,
  type OldTenant,
  oldTenant,
  operatorOf,
  RELEASE,
  schemaOf,
} from "../../support/fleet.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { expectPlans, watchPlans } from "../../support/plans.ts";
import { bring } from "../../support/queue-batches.ts";
import { times } from "../../support/registration.ts";
import {
  bindings,
  DEEP,
  firstValue,
  openWorker,
  registryOf,
  wrapAll,
} from "../../support/worker.ts";

const CONTROL = bindings.CONTROL_DB;
const clock = standingClock();
const queues = keptQueues();
const worker = openWorker({ ...RELEASE, ...queues.bindings });
let operator: ReturnType<typeof operatorOf>;
/** Longer than a bell is waited for, and than a tenant's migration may take. */
const LATE = 6 * MINUTE;

beforeEach(async () => {
  queues.breakWith(null);
  await emptyFleet();
  await signInAgain();
  queues.take();
});

let made = 0;
const oldTenants = (count: number): Promise<OldTenant[]> =>
  Promise.all(times(count, () => oldTenant(`torn-${++made}`)));
const schemasOf = (tenants: readonly OldTenant[]) =>
  Promise.all(tenants.map(({ database }) => schemaOf(database)));
const expectDone = async (id: string, tenants: readonly OldTenant[]) => {
  expect(await operator.get(id)).toMatchObject({
    state: "done",
    totals: { pending: 0, done: tenants.length, failed: 0 },
  });
  expect(await schemasOf(tenants)).toEqual(tenants.map(() => NEWEST));
};

/** Time passes, and the schedule rings for what it finds. */
async function later(env: Bindings = worker.env): Promise<string[]> {
  clock.pass(LATE);
  await signInAgain();
  await minute(env);
  return bringAll(queues, env);
}

/** The clock goes on for longer than a token lives. */
async function signInAgain(): Promise<void> {
  operator = operatorOf(worker, await newOperator());
}

describe("a migration that is interrupted", () => {
  it("goes on when all of its bells are lost", async () => {
    const tenants = await oldTenants(5);
    const id = await operator.start({ concurrency: 2 });
    expect(migrationBells(queues)).toHaveLength(2);
    clock.pass(MINUTE);
    await minute(worker.env);
    expect(migrationBells(queues), "the bells may be on their way").toEqual([]);
    const brought = await later();
    expect(brought.length).toBe(5);
    await expectDone(id, tenants);
  });

  it("goes on when no bell could be rung", async () => {
    const tenants = await oldTenants(3);
    queues.breakWith("the queue is down");
    const id = await operator.start();
    queues.breakWith(null);
    expect(await schemasOf(tenants)).toEqual(tenants.map(() => NEWEST - 1));
    await later();
    await expectDone(id, tenants);
  });

  it("does nothing twice where bells are doubled, and late ones are heard", async () => {
    const tenants = await oldTenants(2);
    const id = await operator.start();
    const first = migrationBells(queues).map(({ body }) => body);
    clock.pass(LATE);
    await minute(worker.env);
    const again = migrationBells(queues).map(({ body }) => body);
    expect(again).toHaveLength(2);
    await Promise.all([...first, ...again].map((body) => bring("doorbells", [body], worker)));
    await bringAll(queues, worker.env);
    await expectDone(id, tenants);
    const tries = "SELECT max(tries) FROM migration_targets";
    expect(await firstValue(CONTROL, tries)).toBe(1);
    const noted = `SELECT count(*) FROM audit_log WHERE action = 'tenant.migrated'
      AND principal = 'job:migrations.migrate' AND target = ?`;
    for (const tenant of tenants) expect(await firstValue(CONTROL, noted, tenant.id)).toBe(1);
  });

  it("is finished by the schedule, whichever trip the isolate dies at", async ({ task }) => {
    /** An isolate that dies at its trip of this number, before the database heard of it or after. */
    const dying = (at: number, when: "before" | "after") => {
      let trips = 0;
      const line = wrapAll(() => async (_, run) => {
        trips += 1;
        if (trips < at) return run();
        if (trips === at && when === "after") await run();
        throw new Error("D1_ERROR: the isolate is gone: SQLITE_ERROR");
      });
      return { env: { ...worker.env, ...line } as Bindings, trips: () => trips };
    };
    const [first] = (await oldTenants(1)) as [OldTenant];
    await operator.start();
    const whole = dying(Number.POSITIVE_INFINITY, "before");
    await bring("doorbells", [migrationBells(queues)[0]?.body], whole);
    expect(await schemaOf(first.database)).toBe(NEWEST);
    const trips = whole.trips();
    expect(trips).toBeGreaterThan(5);
    const all = times(trips, (index) => index + 1);
    // To the databases, to die before a trip is to die after the one before it.
    const cuts = [
      ...(DEEP ? all : [1]).map((at) => ({ at, when: "before" as const })),
      ...all.map((at) => ({ at, when: "after" as const })),
    ];
    for (const { at, when } of cuts) {
      const tenants = await oldTenants(2);
      const id = await operator.start({ concurrency: 1 });
      const [bell] = migrationBells(queues);
      await captureLogs(() => bring("doorbells", [bell?.body], dying(at, when)));
      // The queue would bring it again; it is lost here, as is what the dead isolate has rung.
      queues.take();
      await later();
      await expectDone(id, tenants);
    }
    showFigures(task, `${trips} trips a tenant, died at each: ${cuts.length} runs, all done`);
  });

  it("gives up a tenant that was begun three times and never ended", async () => {
    const [lost, well] = (await oldTenants(2)) as [OldTenant, OldTenant];
    const id = await operator.start();
    const begun = `UPDATE migration_targets SET state = 'running', tries = tries + 1
      WHERE tenant_id = ? AND state = 'claimed'`;
    const bells = migrationBells(queues).map(({ body }) => body);
    await bring(
      "doorbells",
      bells.filter(({ slug }) => slug === well.slug),
      worker,
    );
    for (let time = 1; time <= 3; time++) {
      expect((await CONTROL.prepare(begun).bind(lost.id).run()).meta.changes, `${time}`).toBe(1);
      clock.pass(LATE);
      await minute(worker.env);
      expect(migrationBells(queues)).toHaveLength(time < 3 ? 1 : 0);
    }
    await signInAgain();
    expect(await operator.get(id)).toMatchObject({
      state: "done",
      totals: { pending: 0, done: 1, failed: 1 },
      failures: [{ slug: lost.slug, error: "abandoned", tries: 3 }],
    });
  });
});

describe("a database that does not answer", () => {
  it("is tried three times, while the others go on; its bell is never brought again", async () => {
    const [silent, ...others] = (await oldTenants(3)) as [OldTenant, OldTenant, OldTenant];
    const { binding } = (await registryOf(silent.slug)) as { binding: string };
    const env = {
      ...worker.env,
      ...wrapAll((name) => async (_, run) => {
        if (name === binding) throw new Error(LOST_TEXTS[0]);
        return run();
      }),
    } as Bindings;
    const id = await operator.start();
    const { entries } = await captureLogs(async () => {
      expect((await bringAll(queues, env)).length).toBe(3);
      expect(await schemasOf(others)).toEqual([NEWEST, NEWEST]);
      clock.pass(14 * SECOND);
      await minute(env);
      expect(await bringAll(queues, env)).toEqual([]);
      clock.pass(SECOND);
      await minute(env);
      expect(await bringAll(queues, env)).toEqual([silent.slug]);
      clock.pass(MINUTE);
      await minute(env);
      expect(await bringAll(queues, env)).toEqual([silent.slug]);
    });
    const tries = entries.filter(({ message }) => message === "tenant migration failed");
    expect(tries.map((line) => [line.tries, line.again])).toEqual([
      [1, true],
      [2, true],
      [3, false],
    ]);
    expect(await operator.get(id)).toMatchObject({
      state: "done",
      totals: { pending: 0, done: 2, failed: 1 },
      failures: [{ slug: silent.slug, error: "database-unavailable", tries: 3 }],
    });
    await operator.resume(id);
    await bringAll(queues, worker.env);
    await expectDone(id, [silent, ...others]);
  });
});

describe("tenants of several cells", () => {
  const elsewhere = openWorker({ ...RELEASE, ...queues.bindings, CELL: "test-2" });

  it("are migrated by their own, which begins its share within a minute", async () => {
    const tenants = await oldTenants(3);
    const [other] = tenants as [OldTenant];
    await CONTROL.exec(`UPDATE tenants SET cell = 'test-2' WHERE id = '${other.id}'`);
    const id = await operator.start();
    expect((await bringAll(queues, worker.env)).length).toBe(2);
    expect((await operator.get(id)).totals).toEqual({ pending: 1, done: 2, failed: 0 });
    expect(await schemaOf(other.database)).toBe(NEWEST - 1);
    await minute(worker.env);
    expect(await bringAll(queues, worker.env)).toEqual([]);
    await minute(elsewhere.env);
    expect(await bringAll(queues, elsewhere.env)).toEqual([other.slug]);
    await expectDone(id, tenants);
  });

  it("wait for the release that a cell does not have yet", async () => {
    const tenants = await oldTenants(1);
    const id = await operator.start();
    queues.take();
    clock.pass(LATE);
    const before = { ...worker.env, TENANT_SCHEMA: String(NEWEST - 1) } as Bindings;
    await minute(before);
    expect(migrationBells(queues)).toEqual([]);
    await later();
    await expectDone(id, tenants);
  });

  it("that have moved or left meanwhile are the other cell's, or nobody's", async () => {
    const [moved, moving, gone, stays] = (await oldTenants(4)) as [
      OldTenant,
      OldTenant,
      OldTenant,
      OldTenant,
    ];
    const id = await operator.start();
    const set = (what: string, { id: tenant }: OldTenant) =>
      CONTROL.exec(`UPDATE tenants SET ${what} WHERE id = '${tenant}'`);
    await set("cell = 'test-2'", moved);
    await set("state = 'importing'", moving);
    await set("state = 'deactivated'", gone);
    expect((await bringAll(queues, worker.env)).length).toBe(4);
    expect((await operator.get(id)).totals).toEqual({ pending: 1, done: 1, failed: 0 });
    expect(await schemasOf([moved, moving, gone, stays])).toEqual([
      NEWEST - 1,
      NEWEST - 1,
      NEWEST - 1,
      NEWEST,
    ]);
    await minute(elsewhere.env);
    expect(await bringAll(queues, elsewhere.env)).toEqual([moved.slug]);
    await expectDone(id, [moved, stays]);
  });
});

it("its queries go by their indexes", async () => {
  await oldTenants(2);
  const { bindings: watched, plansOf } = watchPlans();
  const env = { ...worker.env, ...watched } as Bindings;
  const id = await operator.start();
  const plans = await plansOf(async () => {
    const by = operatorOf(openWorker({ ...RELEASE, ...queues.bindings, ...watched }), {
      ...(await newOperator()),
    });
    await minute(env);
    await by.get(id);
    await by.ask("GET");
    await bringAll(queues, env);
  }, /migration_(runs|targets)/);
  expect(plans.length).toBeGreaterThan(8);
  expectPlans(plans, {
    indexes: ["migration_runs_open", "migration_targets_state"],
    large: /SCAN (migration_targets|target|tenants)\b/,
  });
});
