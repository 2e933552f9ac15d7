/**
 * A fleet is brought to the schema of this release, by the real queue and its real consumers. A thousand
 * tenants where the full counts are wanted, else forty.
 */
import { expect, it, vi } from "vitest";
import { inParallel } from "../../src/platform/in-parallel.ts";
import { captureLogs } from "../support/captured-logs.ts";
import { newOperator, problemOf } from "../support/client.ts";
import { showFigures } from "../support/figures.ts";
import {
  expectServed,
  jam,
  mend,
  minute,
  NEWEST,
  type OldTenant,
  oldTenant,
  operatorOf,
  schemaOf,
} from "../support/fleet.ts";
import { seededRandom } from "../support/random.ts";
import { times } from "../support/registration.ts";
import { countingDeployment } from "../support/rounds.ts";
import { bindings, DEEP, openWorker } from "../support/worker.ts";

const TENANTS = DEEP ? 1_000 : 40;
const JAMMED = 3;
/** Registrations, and looks at databases, at a time. */
const AT_ONCE = 8;

it("all but three that are jammed, and those when they are mended", async ({ task }) => {
  const random = seededRandom("who is jammed, and who is the canary");
  const worker = openWorker({});
  const tenants: OldTenant[] = [];
  await captureLogs(() =>
    inParallel(
      times(TENANTS, (at) => `fleet-${String(at).padStart(4, "0")}`),
      AT_ONCE,
      async (slug) => void tenants.push(await oldTenant(slug)),
    ),
  );
  const jammed = new Set<OldTenant>();
  while (jammed.size < JAMMED) jammed.add(random.pick(tenants));
  for (const { database } of jammed) await jam(database);
  const canary = random.pick(tenants.filter((tenant) => !jammed.has(tenant)));
  const behind = async () => {
    const left: OldTenant[] = [];
    await inParallel(tenants, AT_ONCE, async (tenant) => {
      const schema = await schemaOf(tenant.database);
      expect([NEWEST - 1, NEWEST]).toContain(schema);
      if (schema < NEWEST) left.push(tenant);
    });
    return new Set(left);
  };
  expect((await behind()).size).toBe(TENANTS);

  const one = operatorOf(worker, await newOperator());
  const other = operatorOf(worker, await newOperator());
  const isDone = async (id: string) => {
    await vi.waitFor(async () => expect((await one.get(id)).state).toBe("done"), {
      timeout: 900_000,
      interval: 500,
    });
    return one.get(id);
  };
  const { result: id, entries } = await captureLogs(async () => {
    const asked = { canary: canary.slug, concurrency: 20 };
    const replies = await Promise.all([one.ask("POST", "", asked), other.ask("POST", "", asked)]);
    replies.sort((a, b) => a.status - b.status);
    expect(replies.map(({ status }) => status)).toEqual([202, 409]);
    expect(problemOf(replies[1] as (typeof replies)[number])).toBe("migration-running");
    const started = replies[0]?.json.id as string;
    // The minute's tick, in the midst of it.
    const { env, trips } = countingDeployment();
    await minute(env);
    expect(trips["control read"] ?? 0).toBeLessThanOrEqual(4);
    expect(trips["control batch"] ?? 0).toBeLessThanOrEqual(3);
    expect(Object.keys(trips).filter((trip) => trip.startsWith("tenant"))).toEqual([]);
    await isDone(started);
    return started;
  });
  const run = await one.get(id);
  expect(run.totals).toEqual({ pending: 0, done: TENANTS - JAMMED, failed: JAMMED });
  const failed = run.failures.map(({ slug, error }: Record<string, string>) => [slug, error]);
  expect(failed.sort()).toEqual([...jammed].map(({ slug }) => [slug, "MigrationRefused"]).sort());
  expect(await behind()).toEqual(jammed);
  for (const tenant of jammed) await expectServed(worker, tenant);
  for (const _ of times(5, () => null)) await expectServed(worker, random.pick(tenants));

  for (const { database } of jammed) await mend(database);
  await one.resume(id);
  expect((await isDone(id)).totals).toEqual({ pending: 0, done: TENANTS, failed: 0 });
  expect(await behind()).toEqual(new Set());
  const { results } = await bindings.CONTROL_DB.prepare(
    "SELECT schema_version, count(*) AS tenants FROM tenants GROUP BY schema_version",
  ).all();
  expect(results).toEqual([{ schema_version: NEWEST, tenants: TENANTS }]);

  const jobs = entries.filter(
    ({ job, message }) => job === "migrations.migrate" && message === "job",
  );
  const sum = (field: string) => jobs.reduce((total, line) => total + line[field], 0);
  showFigures(
    task,
    `${TENANTS} tenants, canary first, 20 at a time: ${TENANTS - JAMMED} done, ${JAMMED} failed and served on the schema before; resumed: all ${TENANTS} done`,
    `${jobs.length} bells, ${sum("control_d1_trips")} trips to the control database, ${sum("queue_sends")} calls of the queue; the minute's tick: 2 reads, 1 commit, 0 tenant databases`,
  );
}, 1_800_000);
