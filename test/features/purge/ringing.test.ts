/** What calls for a tenant that is being purged: the minute rings, the queue's consumer erases. */
import { beforeAll, expect, it, vi } from "vitest";
import { ERASE } from "../../../src/features/purge/erase.service.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { type Caller, newOperator, newTenant, type TestTenant } from "../../support/client.ts";
import { showFigures } from "../../support/figures.ts";
import { countRows, populate } from "../../support/populate.ts";
import { purgesOf, purging } from "../../support/purges.ts";
import { databaseOfTenant, registryOf, tick, wrapAll } from "../../support/worker.ts";

/** Rows of each table: more than one bell erases in all of them, and more than two do. */
const ROWS = 700;
const MANY_ROWS = 1_501;

let operator: Caller;
beforeAll(async () => {
  operator = await newOperator();
});

const stateOf = async ({ slug }: TestTenant) => (await registryOf(slug))?.state;
const sum = (rows: Record<string, number>) =>
  Object.values(rows).reduce((all, each) => all + each, 0);

/** A tenant with more rows than one bell erases. */
async function largeTenant(
  count = ROWS,
): Promise<{ tenant: TestTenant; rows: () => Promise<number> }> {
  const tenant = await newTenant();
  const database = await databaseOfTenant(tenant.slug);
  await populate(database, count);
  await purging(operator, tenant);
  return { tenant, rows: async () => sum(await countRows(database)) };
}

it("rings once a minute for each tenant, and erases nothing in the handler itself", async ({
  task,
}) => {
  const tenants = [await newTenant(), await newTenant(), await newTenant()];
  for (const tenant of tenants) await purging(operator, tenant);
  const trips: string[] = [];
  const worker = purgesOf(
    wrapAll((name) => (trip, run) => {
      trips.push(`${name === "CONTROL_DB" ? "control" : "tenant"} ${trip.kind}`);
      return run();
    }),
  );
  const bells = await worker.tick();
  const [first] = bells;
  expect(first).toMatchObject({ queue: "doorbells", delaySeconds: 0 });
  expect(bells.map(({ body }) => body.tenant_id).sort()).toEqual(
    tenants.map(({ id }) => id).sort(),
  );
  for (const { body } of bells)
    expect(Object.keys(body).sort()).toEqual(["job", "slug", "tenant_id"]);
  expect(trips.filter((trip) => trip.startsWith("tenant"))).toEqual([]);
  showFigures(task, `purge: a minute's tick for ${bells.length} tenants: ${trips.join(", ")}`);
  for (const tenant of tenants) expect(await stateOf(tenant)).toBe("purging");

  expect(await worker.bring(bells)).toEqual([]);
  for (const tenant of tenants) expect(await stateOf(tenant)).toBe("purged");
  expect(await worker.tick()).toEqual([]);
});

it("erases part by part, each of which rings for the next", async ({ task }) => {
  const { tenant, rows } = await largeTenant(MANY_ROWS);
  const worker = purgesOf();
  const left = [await rows()];
  let bells = await worker.tick();
  const chains: unknown[] = [];
  while (bells.length > 0) {
    expect(bells).toHaveLength(1);
    bells = await worker.bring(bells);
    chains.push(...bells.map(({ body }) => body.again));
    left.push(await rows());
  }
  expect(await stateOf(tenant)).toBe("purged");
  expect(left).toEqual([...left].sort((one, other) => other - one));
  expect(chains.length).toBeGreaterThan(1);
  expect(new Set(chains).size).toBe(1);
  showFigures(task, `purge: rows left after each bell: ${left.join(", ")}`);
});

it("lets a chain end before the next minute rings, so that one tenant has one", async () => {
  const { tenant, rows } = await largeTenant();
  const worker = purgesOf();
  const before = await rows();
  const again = new Date(Date.now() - 50_000).toISOString();
  const late = (await worker.tick()).map((bell) => ({ ...bell, body: { ...bell.body, again } }));
  expect(await worker.bring(late)).toEqual([]);
  expect(await rows()).toBeLessThan(before);
  expect(await stateOf(tenant)).toBe("purging");
  await worker.minute();
  expect(await stateOf(tenant)).toBe("purged");
});

it("does nothing at a bell for a tenant that is not being purged here, or no more", async () => {
  const [alive, gone] = [await newTenant(), await newTenant()];
  const rows = await countRows(await databaseOfTenant(alive.slug));
  await purging(operator, gone);
  const worker = purgesOf();
  const bells = await worker.tick();
  await worker.bring(bells);
  expect(await stateOf(gone)).toBe("purged");
  const made = bells.map(({ body, ...rest }) => ({
    ...rest,
    body: { ...body, job: ERASE.name, tenant_id: alive.id, slug: alive.slug },
  }));
  const { result, entries } = await captureLogs(() => worker.bring([...bells, ...made]));
  expect(result).toEqual([]);
  expect(entries.filter(({ message }) => message !== "job")).toEqual([]);
  expect(await stateOf(alive)).toBe("active");
  expect(await countRows(await databaseOfTenant(alive.slug))).toEqual(rows);
});

it("goes on in the next minute where no bell could be rung", async () => {
  const { tenant, rows } = await largeTenant();
  const worker = purgesOf();
  const bells = await worker.tick();
  worker.queues.breakWith("the queue is down");
  expect(await worker.bring(bells)).toEqual([]);
  const left = await rows();
  expect(left).toBeGreaterThan(0);
  await worker.tick().catch(() => {});
  worker.queues.breakWith(null);
  await worker.minute();
  expect(await stateOf(tenant)).toBe("purged");
});

it("is done by the runtime's own queue", async () => {
  const tenant = await purging(operator, await newTenant());
  await tick();
  await vi.waitFor(async () => expect(await stateOf(tenant)).toBe("purged"), {
    timeout: 60_000,
    interval: 100,
  });
});
