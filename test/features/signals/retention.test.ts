import { beforeAll, beforeEach, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { retain } from "../../../src/features/signals/retain.service.ts";
import type { TenantCtx } from "../../../src/platform/context.ts";
import { chores } from "../../../src/registry.ts";
import { newTenant, type TestTenant } from "../../support/client.ts";
import { DAY, standingClock } from "../../support/clock.ts";
import { tenantCtx } from "../../support/ctx.ts";
import { wrapD1 } from "../../support/d1.ts";
import { keptQueues } from "../../support/kept-queues.ts";
import { watchPlans } from "../../support/plans.ts";
import { addSignal } from "../../support/planted-signals.ts";
import {
  databaseOf,
  databaseOfTenant,
  firstValue,
  openWorker,
  registryOf,
  ring,
} from "../../support/worker.ts";

/** As the tests' settings say: EVENT_DAYS is left out. */
const KEPT_MS = 400 * DAY;

standingClock();
const queues = keptQueues();
const { env } = openWorker(queues.bindings);
let tenant: TestTenant;
let database: D1Database;
beforeAll(async () => {
  tenant = await newTenant();
  database = await databaseOfTenant(tenant.slug);
});
beforeEach(async () => {
  await database.batch(
    ["signal_changes", "signals"].map((table) => database.prepare(`DELETE FROM ${table}`)),
  );
  queues.take();
});

const inside = async <T>(run: (ctx: TenantCtx) => Promise<T>, changes: Partial<Bindings> = {}) =>
  run(await tenantCtx(tenant.slug, { ...env, ...changes }));
const ids = async (sql = "SELECT id FROM signals ORDER BY id") =>
  (await database.prepare(sql).raw()).flat();
const changed = () => ids("SELECT DISTINCT signal_id FROM signal_changes ORDER BY signal_id");
const look = () =>
  inside(async (ctx) => chores.find(({ name }) => name === "signals.retain")?.run(ctx));
const audited = () =>
  firstValue<number>(database, "SELECT count(*) FROM audit_log WHERE action = 'signal.forgotten'");

/** Bindings that call somebody just before such a write. */
async function stopAt(about: RegExp, call: () => Promise<void>): Promise<Partial<Bindings>> {
  const binding = String((await registryOf(tenant.slug))?.binding);
  const stopped = wrapD1(databaseOf(binding), async (trip, run) => {
    if (trip.kind === "batch" && trip.sql.some((sql) => about.test(sql))) await call();
    return run();
  });
  return { [binding]: stopped };
}

/** What is over for longer than this is dropped. */
const OLD = KEPT_MS + 1;
const ago = (ms: number) => Date.now() - ms;
const resolved = (ms: number) =>
  addSignal(database, {
    status: "resolved",
    severity: "critical",
    opened_at: ago(KEPT_MS + 9 * DAY),
    resolved_at: ago(ms),
  });
const lowSeen = (ms: number, more = {}) =>
  addSignal(database, { opened_at: ago(KEPT_MS + 9 * DAY), last_seen_at: ago(ms), ...more });

it("what was resolved, and low ones that were last seen, 400 days ago go with their changes", async () => {
  await resolved(OLD);
  await lowSeen(OLD, { dedupe_key: "infra:cpu" });
  await lowSeen(OLD, { status: "acknowledged" });
  const kept = [
    await resolved(KEPT_MS),
    await lowSeen(KEPT_MS),
    await lowSeen(OLD, { severity: "medium" }),
    await lowSeen(OLD, { severity: "critical", status: "acknowledged" }),
    await resolved(DAY),
  ];
  const before = await audited();
  await inside(retain);
  expect(await ids()).toEqual(kept);
  expect(await changed()).toEqual(kept);
  expect(await audited()).toBe(before + 1);
  expect(queues.take()).toEqual([]);
  // Nothing more is old: nothing is written, nor written down.
  let written = 0;
  const onWrite = async () => {
    written += 1;
  };
  await inside(retain, await stopAt(/./, onWrite));
  expect(written).toBe(0);
  expect(await audited()).toBe(before + 1);
});

it("one that is seen anew between being found and being dropped is spared", async () => {
  const kept = await lowSeen(OLD);
  await resolved(OLD);
  let seen = 0;
  const seeAnew = async () => {
    seen += 1;
    await database
      .prepare("UPDATE signals SET last_seen_at = ? WHERE id = ?")
      .bind(Date.now(), kept)
      .run();
  };
  await inside(retain, await stopAt(/^delete from "signals"/, seeAnew));
  expect(seen).toBe(1);
  expect(await ids()).toEqual([kept]);
  expect(await changed()).toEqual([kept]);
});

it("500 go at a time, and the bell is rung for the rest, which the clock calls for", async () => {
  const chore = chores.find(({ name }) => name === "signals.retain");
  expect(chore?.rounds).toEqual(["cleanup", "nightly"]);
  await look();
  expect(queues.take()).toEqual([]);
  const first = await lowSeen(OLD);
  await database.batch([
    database
      .prepare(
        `WITH RECURSIVE nth(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM nth WHERE n < 600)
        INSERT INTO signals (id, source, kind, severity, status, title, risk_score, occurrences,
          last_seen_at, opened_at, resolved_at, updated_at, version)
        SELECT 'signal_' || n, source, kind, 'high', 'resolved', title, 1, 1, 1, 1, 1, 1, 1
        FROM signals, nth WHERE id = ?`,
      )
      .bind(first),
    database.prepare(
      `INSERT INTO signal_changes (signal_id, change, occurred_at)
        SELECT id, 'resolved', 1 FROM signals WHERE resolved_at IS NOT NULL`,
    ),
  ]);
  const left: number[] = [];
  await look();
  for (let bells = queues.take(); bells.length > 0; bells = queues.take()) {
    expect(bells).toMatchObject([{ queue: "doorbells", body: { job: "signals.retain" } }]);
    expect(
      await ring(
        bells.map(({ body }) => body),
        "doorbells",
        env,
      ),
    ).toEqual([]);
    left.push((await ids()).length);
  }
  expect(left).toEqual([101, 0]);
  expect(await changed()).toEqual([]);
  const details = await database
    .prepare(
      `SELECT data ->> 'signals_at_most' AS dropped FROM audit_private
        JOIN audit_log ON audit_log.id = audit_id WHERE action = 'signal.forgotten'
        ORDER BY seq DESC LIMIT 2`,
    )
    .all();
  expect(details.results).toEqual([{ dropped: 101 }, { dropped: 500 }]);
});

it("goes by indexes", async () => {
  await resolved(OLD);
  await lowSeen(OLD);
  const { bindings, plansOf } = watchPlans();
  const plans = await plansOf(() => inside(retain, bindings), /signal/);
  const lines = plans.flatMap(({ plan }) => plan).join("\n");
  for (const index of [
    "signals_resolved (resolved_at<?)",
    "signals_unseen (last_seen_at<?)",
    "signal_changes_signal (signal_id=?)",
  ]) {
    expect(lines).toContain(index);
  }
  expect(lines).not.toMatch(/^SCAN signal/m);
});
