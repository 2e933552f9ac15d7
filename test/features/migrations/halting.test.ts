/** Migrations that operators halt, and bells that reach whoever cannot do what they call for. */
import { beforeEach, describe, expect, it } from "vitest";
import { newOperator } from "../../support/client.ts";
import { MINUTE, standingClock } from "../../support/clock.ts";
import {
  bringAll,
  emptyFleet,
  migrationBells,
  minute,
  NEWEST,
  type OldTenant,
  oldTenants,
  operatorOf,
  RELEASE,
  schemaOf,
} from "../../support/fleet.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { bring } from "../../support/queue-batches.ts";
import { times } from "../../support/registration.ts";
import { bindings, firstValue, openWorker } from "../../support/worker.ts";

const CONTROL = bindings.CONTROL_DB;
const clock = standingClock();
const queues = keptQueues();
const worker = openWorker({ ...RELEASE, ...queues.bindings });
const before = openWorker({ TENANT_SCHEMA: String(NEWEST - 1), ...queues.bindings });
let operator: ReturnType<typeof operatorOf>;

beforeEach(async () => {
  await emptyFleet();
  operator = operatorOf(worker, await newOperator());
  queues.take();
});

const schemasOf = (tenants: readonly OldTenant[]) =>
  Promise.all(tenants.map(({ database }) => schemaOf(database)));
const OLD = NEWEST - 1;

describe("a bell that the release before hears", () => {
  it("marks nobody done, and is rung again for this one", async () => {
    const tenants = await oldTenants("halt", 3);
    const id = await operator.start();
    for (const { body } of migrationBells(queues)) {
      expect((await bring("doorbells", [body], before)).acked).toEqual([0]);
    }
    expect(migrationBells(queues), "it rings for nobody else").toEqual([]);
    expect((await operator.get(id)).totals).toEqual({ pending: 3, done: 0, failed: 0 });
    expect(await firstValue(CONTROL, "SELECT max(tries) FROM migration_targets")).toBe(0);
    expect(await schemasOf(tenants)).toEqual([OLD, OLD, OLD]);
    clock.pass(6 * MINUTE);
    await minute(worker.env);
    await bringAll(queues, worker.env);
    expect((await operator.get(id)).totals).toEqual({ pending: 0, done: 3, failed: 0 });
    expect(await schemasOf(tenants)).toEqual([NEWEST, NEWEST, NEWEST]);
  });
});

describe("a migration that ends after its tenant has moved", () => {
  it("says nothing of the new database's schema, and is not done", async () => {
    const [tenant] = (await oldTenants("halt", 1)) as [OldTenant];
    const id = await operator.start();
    const [bell] = migrationBells(queues);
    const moveAway = CONTROL.prepare("UPDATE tenants SET binding = 'TENANT_DB_9999' WHERE id = ?");
    // The migration itself is the last that goes to the tenant's database.
    const line = {
      get(target: D1Database, name: string | symbol) {
        const value = Reflect.get(target, name);
        if (name !== "batch") return typeof value === "function" ? value.bind(target) : value;
        return async (statements: D1PreparedStatement[]) => {
          const result = await target.batch(statements);
          await moveAway.bind(tenant.id).run();
          return result;
        };
      },
    };
    const binding = await firstValue<string>(
      CONTROL,
      "SELECT binding FROM tenants WHERE id = ?",
      tenant.id,
    );
    const moving = { [binding]: new Proxy(tenant.database, line) };
    await bring("doorbells", [bell?.body], { env: { ...worker.env, ...moving } });
    expect(await schemaOf(tenant.database)).toBe(NEWEST);
    const known = "SELECT schema_version FROM tenants WHERE id = ?";
    expect(await firstValue(CONTROL, known, tenant.id)).toBe(OLD);
    expect((await operator.get(id)).totals).toEqual({ pending: 1, done: 0, failed: 0 });
  });
});

describe("a run that is cancelled", () => {
  it("is halted, stands in nobody's way, and can be resumed", async () => {
    const tenants = await oldTenants("halt", 3);
    const id = await operator.start({ concurrency: 1 });
    const bells = migrationBells(queues);
    const reply = await operator.ask("POST", `/${id}/cancel`);
    expect([reply.status, reply.json.state]).toEqual([200, "halted"]);
    const halted = await operator.get(id);
    expect(halted.totals).toEqual({ pending: 0, done: 0, failed: 3 });
    expect(halted.failures.map(({ error }: { error: string }) => error)).toEqual(
      times(3, () => "cancelled"),
    );
    for (const { body } of bells) await bring("doorbells", [body], worker);
    await minute(worker.env);
    expect(migrationBells(queues)).toEqual([]);
    expect(await schemasOf(tenants)).toEqual([OLD, OLD, OLD]);
    const action =
      "SELECT count(*) FROM audit_log WHERE action = 'migration.cancelled' AND target = ?";
    expect(await firstValue(CONTROL, action, id)).toBe(1);

    expect((await operator.ask("POST", `/${id}/cancel`)).json.state).toBe("halted");
    expect(await firstValue(CONTROL, action, id), "once is enough").toBe(1);
    await operator.resume(id);
    await bringAll(queues, worker.env);
    expect(await operator.get(id)).toMatchObject({
      state: "done",
      totals: { pending: 0, done: 3, failed: 0 },
    });
    expect((await operator.ask("POST", `/${id}/cancel`)).json.state).toBe("done");
  });
});
