/** Bringing tenants up to a schema: by one operator and two, with failures, and past lost bells. */
import { beforeEach, describe, expect, it } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { call, newOperator, newTenant, PLATFORM_ORIGIN, problemOf } from "../../support/client.ts";
import { MINUTE, standingClock } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import {
  bringAll,
  emptyFleet,
  expectServed,
  jam,
  mend,
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
import { bring } from "../../support/queue-batches.ts";
import { times } from "../../support/registration.ts";
import { bindings, firstValue, openWorker, registryOf } from "../../support/worker.ts";

const CONTROL = bindings.CONTROL_DB;
const clock = standingClock();
const queues = keptQueues();
const worker = openWorker({ ...RELEASE, ...queues.bindings });
let operator: ReturnType<typeof operatorOf>;

beforeEach(async () => {
  await emptyFleet();
  operator = operatorOf(worker, await newOperator());
  queues.take();
});

let made = 0;
/** So many tenants of the release before. */
const oldTenants = (count: number): Promise<OldTenant[]> =>
  Promise.all(times(count, () => oldTenant(`old-${++made}`)));
const schemasOf = (tenants: readonly OldTenant[]) =>
  Promise.all(tenants.map(({ database }) => schemaOf(database)));
const actionsOf = async (target: string) => {
  const { results } = await CONTROL.prepare(
    "SELECT DISTINCT action FROM audit_log WHERE target = ? ORDER BY seq",
  )
    .bind(target)
    .all<{ action: string }>();
  return results.map(({ action }) => action);
};

describe("a migration of the fleet", () => {
  it("brings all tenants that are behind to the schema, suspended ones too", async () => {
    const tenants = await oldTenants(5);
    const [, suspended, gone] = tenants as [OldTenant, OldTenant, OldTenant];
    const state = CONTROL.prepare("UPDATE tenants SET state = ? WHERE id = ?");
    await state.bind("suspended", suspended.id).run();
    await state.bind("deactivated", gone.id).run();
    const id = await operator.start({ concurrency: 2 });
    expect(await operator.get(id)).toMatchObject({
      state: "fleet",
      schema_version: NEWEST,
      canary: null,
      concurrency: 2,
      finished_at: null,
      totals: { pending: 4, done: 0, failed: 0 },
      failures: [],
    });
    expect(new Set(await bringAll(queues, worker.env)).size).toBe(4);
    expect(await operator.get(id)).toMatchObject({
      state: "done",
      finished_at: expect.any(String),
      totals: { pending: 0, done: 4, failed: 0 },
    });
    const expected = tenants.map((tenant) => (tenant === gone ? NEWEST - 1 : NEWEST));
    expect(await schemasOf(tenants)).toEqual(expected);
    expect(await registryOf(suspended.slug)).toMatchObject({
      schema_version: NEWEST,
      state: "suspended",
    });
    expect(await actionsOf(id)).toEqual([
      "migration.started",
      "migration.claimed",
      "migration.tenant_begun",
      "migration.finished",
    ]);
    expect(await actionsOf(suspended.id)).toContain("tenant.migrated");
    await expectServed(worker, tenants[0] as OldTenant);
  });

  it("works on no more of them at a time than was said", async () => {
    const tenants = await oldTenants(7);
    const id = await operator.start({ concurrency: 3 });
    let waiting = migrationBells(queues);
    let done = 0;
    while (waiting.length > 0) {
      expect(waiting.length).toBe(Math.min(3, tenants.length - done));
      const [bell, ...others] = waiting;
      await bring("doorbells", [bell?.body], { env: worker.env });
      done += 1;
      waiting = [...others, ...migrationBells(queues)];
    }
    expect(done).toBe(7);
    expect((await operator.get(id)).totals).toEqual({ pending: 0, done: 7, failed: 0 });
  });

  it("with nobody behind is over at once, and another may follow", async () => {
    const [first, second] = [await operator.start(), await operator.start()];
    expect(await operator.get(first)).toMatchObject({
      state: "done",
      totals: { pending: 0, done: 0, failed: 0 },
    });
    expect(queues.take()).toEqual([]);
    const { data } = (await operator.ask("GET")).json;
    expect(data.map((run: { id: string }) => run.id)).toEqual([second, first]);
    const page = (await operator.ask("GET", "?limit=1")).json;
    const rest = await operator.ask("GET", `?cursor=${encodeURIComponent(page.next_cursor)}`);
    expect([page.data[0].id, rest.json.data[0].id]).toEqual([second, first]);
  });

  it("asked for by ten at once is one, and the others are told which", async () => {
    const tenants = await oldTenants(2);
    const replies = await Promise.all(times(10, () => operator.ask("POST", "", {})));
    const [begun, ...others] = replies.sort((one, other) => one.status - other.status);
    expect(begun?.status).toBe(202);
    for (const reply of others) {
      expect([reply.status, problemOf(reply)]).toEqual([409, "migration-running"]);
      expect(reply.json.migration_id).toBe(begun?.json.id);
    }
    expect(await firstValue(CONTROL, "SELECT count(*) FROM migration_runs")).toBe(1);
    await bringAll(queues, worker.env);
    expect(await schemasOf(tenants)).toEqual([NEWEST, NEWEST]);
  });

  it("is answered once however often it is asked for with one Idempotency-Key", async () => {
    await oldTenants(1);
    const { token } = await newOperator();
    const options = { token, body: {}, headers: { "idempotency-key": crypto.randomUUID() } };
    const url = `${PLATFORM_ORIGIN}/api/v1/migrations`;
    const [first, second] = [
      await worker.call("POST", url, options),
      await worker.call("POST", url, options),
    ];
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.json).toEqual(first.json);
    expect(migrationBells(queues)).toHaveLength(1);
  });
});

describe("a canary", () => {
  it("is migrated alone, and the others when it has succeeded", async () => {
    const tenants = await oldTenants(4);
    const [, canary] = tenants as [OldTenant, OldTenant];
    const id = await operator.start({ canary: canary.slug });
    expect(await operator.get(id)).toMatchObject({ state: "canary", canary: canary.slug });
    await minute(worker.env);
    const bells = migrationBells(queues).map(({ body }) => body);
    expect(bells.map(({ slug }) => slug)).toEqual([canary.slug]);
    await bring("doorbells", bells, { env: worker.env });
    expect(await schemasOf(tenants)).toEqual([NEWEST - 1, NEWEST, NEWEST - 1, NEWEST - 1]);
    expect(await operator.get(id)).toMatchObject({ state: "fleet" });
    await bringAll(queues, worker.env);
    expect(await schemasOf(tenants)).toEqual(tenants.map(() => NEWEST));
    expect(await actionsOf(id)).toContain("migration.canary_passed");
  });

  it("that fails halts the run with nobody else touched; mended, it goes on", async () => {
    const tenants = await oldTenants(4);
    const [canary] = tenants as [OldTenant];
    await jam(canary.database);
    const id = await operator.start({ canary: canary.slug });
    const { result, entries } = await captureLogs(() => bringAll(queues, worker.env));
    expect(result).toEqual([canary.slug]);
    const line = entries.find(({ message }) => message === "tenant migration failed");
    expect(line).toMatchObject({ tenant: canary.slug, migration: id, tries: 1, again: false });
    expect(JSON.stringify(line.cause)).toContain("something is in the way");
    expect(await operator.get(id)).toMatchObject({
      state: "halted",
      finished_at: expect.any(String),
      totals: { pending: 3, done: 0, failed: 1 },
      failures: [{ slug: canary.slug, cell: "test-1", error: "MigrationRefused", tries: 1 }],
    });
    for (let passed = 0; passed < 5; passed++) {
      clock.pass(MINUTE);
      await minute(worker.env);
    }
    expect(await bringAll(queues, worker.env)).toEqual([]);
    expect(await schemasOf(tenants)).toEqual(tenants.map(() => NEWEST - 1));
    for (const tenant of tenants) await expectServed(worker, tenant);

    await operator.resume(id);
    await bringAll(queues, worker.env);
    expect((await operator.get(id)).state, "not mended yet").toBe("halted");
    await mend(canary.database);
    await operator.resume(id);
    expect((await operator.get(id)).state).toBe("canary");
    await bringAll(queues, worker.env);
    expect(await operator.get(id)).toMatchObject({
      state: "done",
      totals: { pending: 0, done: 4, failed: 0 },
      failures: [],
    });
    expect(await schemasOf(tenants)).toEqual(tenants.map(() => NEWEST));
  });

  it("that is up to date already holds nobody up", async () => {
    const tenants = await oldTenants(2);
    const [canary] = tenants as [OldTenant];
    await operator.start({ canary: canary.slug });
    const first = migrationBells(queues).map(({ body }) => body);
    await bring("doorbells", first, { env: worker.env });
    await CONTROL.exec("UPDATE migration_runs SET state = 'done'");
    queues.take();
    const id = await operator.start({ canary: canary.slug });
    await bringAll(queues, worker.env);
    expect(await operator.get(id)).toMatchObject({ state: "done", totals: { done: 1 } });
    expect(await schemasOf(tenants)).toEqual([NEWEST, NEWEST]);
  });
});

describe("a tenant whose migration fails", () => {
  it("holds up nobody, is served on the schema before, and is migrated when it is mended", async () => {
    const tenants = await oldTenants(4);
    const [jammed] = tenants as [OldTenant];
    await jam(jammed.database);
    const id = await operator.start({ concurrency: 1 });
    await bringAll(queues, worker.env);
    expect(await operator.get(id)).toMatchObject({
      state: "done",
      totals: { pending: 0, done: 3, failed: 1 },
      failures: [{ tenant_id: jammed.id, slug: jammed.slug, error: "MigrationRefused" }],
    });
    expect(await schemasOf(tenants)).toEqual([NEWEST - 1, NEWEST, NEWEST, NEWEST]);
    await expectServed(worker, jammed);
    await mend(jammed.database);
    await operator.resume(id);
    expect(await bringAll(queues, worker.env)).toEqual([jammed.slug]);
    expect(await operator.get(id)).toMatchObject({ state: "done", totals: { done: 4, failed: 0 } });
    expect(await schemaOf(jammed.database)).toBe(NEWEST);
    expect(await operator.problem("POST", `/${id}/resume`)).toEqual([409, "migration-state"]);
  });

  it("is not resumed while another run is open", async () => {
    const [jammed] = (await oldTenants(1)) as [OldTenant];
    await jam(jammed.database);
    const id = await operator.start();
    await bringAll(queues, worker.env);
    const open = await operator.start();
    const reply = await operator.ask("POST", `/${id}/resume`);
    expect([reply.status, problemOf(reply)]).toEqual([409, "migration-running"]);
    expect(reply.json.migration_id).toBe(open);
  });
});

describe("migrations, asked wrongly,", () => {
  it.each([
    ["POST", "", { canary: "nobody-here" }, 422, "validation-failed"],
    ["POST", "", { concurrency: 0 }, 422, "validation-failed"],
    ["POST", "", { concurrency: 101 }, 422, "validation-failed"],
    ["POST", "", { canaries: 1 }, 422, "validation-failed"],
    ["GET", "?state=done", undefined, 422, "validation-failed"],
    ["GET", "?cursor=x", undefined, 400, "invalid-cursor"],
    ["GET", "/not-an-id", undefined, 404, "not-found"],
    ["GET", `/${newId("migration")}`, undefined, 404, "not-found"],
    ["POST", `/${newId("migration")}/resume`, undefined, 404, "not-found"],
  ])("%s %s %o gets %d %s", async (method, path, body, status, code) => {
    expect(await operator.problem(method, path, body)).toEqual([status, code]);
    expect(await firstValue(CONTROL, "SELECT count(*) FROM migration_runs")).toBe(0);
  });

  it("name the canary that has left", async () => {
    const [gone] = (await oldTenants(1)) as [OldTenant];
    await CONTROL.exec(`UPDATE tenants SET state = 'deactivated' WHERE id = '${gone.id}'`);
    const { json } = await operator.ask("POST", "", { canary: gone.slug });
    expect(json.errors).toMatchObject([{ pointer: "/canary" }]);
  });

  it("are for operators on their own door", async () => {
    const tenant = await newTenant();
    const url = `${PLATFORM_ORIGIN}/api/v1/migrations`;
    const replies = [
      await call("POST", url, { body: {} }),
      await call("POST", url, { token: tenant.admin.token, body: {} }),
      await call("POST", `${tenant.api}/migrations`, { token: tenant.admin.token, body: {} }),
    ];
    expect(replies.map(({ status }) => status)).toEqual([401, 401, 404]);
  });

  it("cost one read a minute while none is open", async ({ task }) => {
    const { countingDeployment } = await import("../../support/rounds.ts");
    const { env, trips } = countingDeployment();
    await minute(env);
    // Begin and end of the run in the log, and two looks for what did not run.
    expect(trips).toEqual({ "control read": 1 + 2, "control batch": 2 });
    showFigures(
      task,
      "no run open: 1 read, 0 tenant databases, 0 bells (and 2 commits that log it)",
    );
  });
});
