/** Events a month: posted ones up to the quota, those of webhooks and signals beyond it. */
import { beforeEach, describe, expect, it } from "vitest";
import { usageChores } from "../../../src/features/usage/index.ts";
import { drain } from "../../../src/features/webhooks/drain.service.ts";
import { HANDLERS } from "../../../src/features/webhooks/handlers.ts";
import { TENANT_MIGRATIONS } from "../../../src/platform/tenancy/migrations.ts";
import { addActor } from "../../support/actors.ts";
import { call, signIn, type TestTenant } from "../../support/client.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { expectOver, workerWith } from "../../support/quotas.ts";
import { SCHEMA } from "../../support/schema.ts";
import { eventOf, signed } from "../../support/webhooks.ts";
import { bindings, firstValue, type OtherWorker, openWorker } from "../../support/worker.ts";

/** The schema from which on events are counted. */
const COUNTS_SINCE = 9;

describe.skipIf(SCHEMA < COUNTS_SINCE)("the quota of events a month", () => {
  const clock = standingClock();
  let house: QuietHouse;
  let tenant: TestTenant;
  let actor: string;
  beforeEach(async () => {
    house = await quietHouse();
    tenant = house.tenant;
    actor = await addActor(tenant);
  });
  const month = () => new Date().toISOString().slice(0, 7);
  const counted = async (of = month()) =>
    (await house.database
      .prepare("SELECT events FROM usage WHERE month = ?")
      .bind(of)
      .first<number>("events")) ?? 0;
  const stored = () => firstValue<number>(house.database, "SELECT count(*) FROM events");
  const event = () => ({ actor_id: actor, event_type: "ticket_reply" });
  const ask = (worker: OtherWorker, path: string, body: unknown, headers = {}) =>
    worker.call("POST", `${tenant.api}${path}`, { token: tenant.admin.token, body, headers });
  const post = (worker: OtherWorker) => ask(worker, "/events", event());
  const postMany = (worker: OtherWorker, count: number, headers = {}) => {
    const events = Array.from({ length: count }, event);
    return ask(worker, "/events/batch", { events }, headers);
  };

  it("gives the last 5 places to exactly 5 of 50 who post at once", async ({ task }) => {
    const worker = workerWith({ events_per_month: 5 });
    const replies = await Promise.all(Array.from({ length: 50 }, () => post(worker)));
    const admitted = replies.filter(({ status }) => status === 201);
    showFigures(task, `  ${admitted.length} of 50 admitted for 5 places`);
    expect([admitted.length, await stored(), await counted()]).toEqual([5, 5, 5]);
    for (const reply of replies)
      if (reply.status !== 201) expectOver(reply, "events_per_month", 5, 5);
  });

  it("stores of a batch at the edge what fits, in its order, and names the others", async () => {
    const worker = workerWith({ events_per_month: 10 });
    expect((await postMany(worker, 7)).json).toMatchObject({ created: 7, rejected: 0 });
    const wrong = { ...event(), event_type: "" };
    const events = [event(), wrong, event(), event(), event(), event()];
    const reply = await ask(worker, "/events/batch", { events });
    expect(reply.status, reply.text).toBe(200);
    expect(reply.json).toMatchObject({ created: 3, rejected: 3 });
    const over = [{ pointer: "", message: "is over the plan's quota of 10 events a month" }];
    expect(reply.json.results).toMatchObject([
      { index: 0, status: "created" },
      { index: 1, status: "rejected", errors: [{ pointer: "/event_type" }] },
      { index: 2, status: "created" },
      { index: 3, status: "created" },
      { index: 4, status: "rejected", errors: over },
      { index: 5, status: "rejected", errors: over },
    ]);
    expect([await stored(), await counted()]).toEqual([10, 10]);
    const full = await postMany(worker, 2);
    expect(full.json).toMatchObject({ created: 0, rejected: 2 });
    expect([await stored(), await counted()]).toEqual([10, 10]);
    const { json } = await call("GET", `${tenant.api}/audit?action=quota.refused&limit=1`, {
      token: tenant.admin.token,
    });
    expect(json.data[0]).toMatchObject({ target: "events_per_month", count: 4 });
  });

  it("never admits more, of batches that race each other for the rest", async ({ task }) => {
    const worker = workerWith({ events_per_month: 40 });
    const replies = await Promise.all(Array.from({ length: 10 }, () => postMany(worker, 9)));
    const created = replies.map(({ json }) => json.created as number);
    showFigures(task, `  of 10 batches of 9 for 40 places: ${created.join(" + ")}`);
    expect(created.reduce((sum, each) => sum + each)).toBe(40);
    expect([await stored(), await counted()]).toEqual([40, 40]);
  });

  it("answers a repeated key of a batch as the first time", async () => {
    const worker = workerWith({ events_per_month: 3 });
    const key = { "idempotency-key": "batch-at-the-edge" };
    const body = { events: [event(), event(), event(), event()] };
    const first = await ask(worker, "/events/batch", body, key);
    expect(first.json).toMatchObject({ created: 3, rejected: 1 });
    const again = await ask(worker, "/events/batch", body, key);
    expect([again.status, again.text]).toEqual([200, first.text]);
    expect([await stored(), await counted()]).toEqual([3, 3]);
  });

  it("tells of a wrong event what is wrong with it, and counts only what is stored", async () => {
    const worker = workerWith({ events_per_month: 1 });
    const unknown = {
      ...event(),
      actor_id: actor.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
    };
    expect((await ask(worker, "/events", unknown)).status).toBe(422);
    expect(await counted()).toBe(0);
    expect((await post(worker)).status).toBe(201);
    expectOver(await post(worker), "events_per_month", 1, 1);
  });

  it("begins anew with the month, at midnight UTC", async () => {
    const worker = workerWith({ events_per_month: 2 });
    const now = new Date();
    const next = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
    clock.pass(next - now.getTime() - 2 * MINUTE);
    const fresh = (await signIn(tenant.api, tenant.admin.email)).token;
    const before = month();
    const go = () => worker.call("POST", `${tenant.api}/events`, { token: fresh, body: event() });
    expect([(await go()).status, (await go()).status, (await go()).status]).toEqual([
      201, 201, 403,
    ]);
    clock.pass(2 * MINUTE - SECOND);
    expect((await go()).status).toBe(403);
    clock.pass(SECOND);
    expect(month()).not.toBe(before);
    expect((await go()).status).toBe(201);
    expect([await counted(before), await counted()]).toEqual([2, 1]);
  });
  it("never refuses webhooks: they are taken in, stored and counted beyond it", async () => {
    const settings = {
      PLANS: String(workerWith({ events_per_month: 1, storage_bytes: 0 }).env.PLANS),
    };
    const worker = workerWith({ events_per_month: 1 });
    expect((await post(worker)).status).toBe(201);
    const receiver = openWorker({ ...house.worker.env, ...settings });
    for (let nth = 0; nth < 3; nth++) {
      const { url, headers, body } = await signed(
        house.service,
        eventOf(house.service, `order-${nth}`),
      );
      const reply = await receiver.call("POST", url, { raw: body, headers });
      expect(reply.status, reply.text).toBe(202);
    }
    await drain(await house.ctx(settings), {}, { handlers: HANDLERS, random: () => 0.5 });
    expect([await stored(), await counted()]).toEqual([4, 4]);
    expectOver(await post(worker), "events_per_month", 1, 4);
  });

  it("counts what signals tell, once and only where something is told", async () => {
    const worker = workerWith({ events_per_month: 0 });
    const open = (severity: string) => ask(worker, "/signals", { severity, title: "Look" });
    expect((await open("low")).status).toBe(201);
    expect([await stored(), await counted()]).toEqual([0, 0]);
    expect((await open("critical")).status).toBe(201);
    expect([await stored(), await counted()]).toEqual([1, 1]);
    expectOver(await post(worker), "events_per_month", 0, 1);
  });

  it("is the same whoever counts: the counter is what the table holds", async () => {
    const worker = workerWith({});
    await Promise.all([post(worker), postMany(worker, 20), post(worker), postMany(worker, 5)]);
    expect([await stored(), await counted()]).toEqual([27, 27]);
  });

  describe("on the schema before, which has no counter", () => {
    const AGED = 61 * SECOND;
    const setSchema = async (version: number, ...sql: string[]) => {
      for (const each of sql) await house.database.prepare(each).run();
      await bindings.CONTROL_DB.prepare("UPDATE tenants SET schema_version = ? WHERE id = ?")
        .bind(version, tenant.id)
        .run();
    };

    it("nothing is counted or refused, and it counts when the fleet's migration was there", async () => {
      const worker = workerWith({ events_per_month: 1 });
      await setSchema(COUNTS_SINCE - 1, "DROP TABLE usage");
      clock.pass(AGED);
      expect([(await post(worker)).status, (await post(worker)).status]).toEqual([201, 201]);
      expect((await postMany(worker, 3)).json).toMatchObject({ created: 3 });
      await house.accept("order-before");
      await house.drain();
      expect(await stored()).toBe(6);
      const usage = () =>
        worker.call("GET", `${tenant.api}/tenants/current/usage`, { token: tenant.admin.token });
      expect((await usage()).json).toMatchObject({ events_per_month: { quota: 1, used: 0 } });
      for (const chore of usageChores) await chore.run(await house.ctx());
      // The table is there before the isolate knows: it goes on as before for a minute.
      await setSchema(COUNTS_SINCE, String(TENANT_MIGRATIONS[COUNTS_SINCE - 1]?.sql));
      expect((await post(worker)).status).toBe(201);
      expect(await counted()).toBe(0);
      clock.pass(AGED);
      expect((await post(worker)).status).toBe(201);
      expectOver(await post(worker), "events_per_month", 1, 1);
      expect((await usage()).json).toMatchObject({ events_per_month: { quota: 1, used: 1 } });
    });
  });

  it("keeps 13 months, and forgets those before by a chore", async () => {
    const now = new Date();
    const back = (months: number) =>
      new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 15))
        .toISOString()
        .slice(0, 7);
    for (let months = 0; months < 20; months++) {
      await house.database
        .prepare("INSERT INTO usage (month, events) VALUES (?, 1)")
        .bind(back(months))
        .run();
    }
    const visit = async () => {
      for (const chore of usageChores) await chore.run(await house.ctx());
    };
    await visit();
    const { results } = await house.database
      .prepare("SELECT month FROM usage ORDER BY month DESC")
      .all<{ month: string }>();
    expect(results.map((row) => row.month)).toEqual(
      Array.from({ length: 13 }, (_, months) => back(months)),
    );
    await visit();
    const told = (await house.actions()).filter((action) => action === "usage.forgotten");
    expect(told).toHaveLength(1);
  });
});
