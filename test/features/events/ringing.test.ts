/** Who is told of a posted event: nobody where nobody listens, and at no cost of a look. */
import { beforeEach, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { newId } from "../../../src/platform/ids.ts";
import { ROUNDS } from "../../../src/platform/jobs/chores.ts";
import { runSchedules } from "../../../src/platform/jobs/schedules.ts";
import { schedules } from "../../../src/registry.ts";
import { addActor } from "../../support/actors.ts";
import { problemOf } from "../../support/client.ts";
import { LOST_TEXTS } from "../../support/d1.ts";
import { type DeliveryHouse, deliveryHouse } from "../../support/destinations.ts";
import { showFigures } from "../../support/figures.ts";
import { openWorker, registryOf, ring, wrapAll } from "../../support/worker.ts";

describe("a posted event", () => {
  let house: DeliveryHouse;
  let actor: string;
  beforeEach(async () => {
    house = await deliveryHouse();
    actor = await addActor(house.tenant);
    house.sent();
  });
  const event = (fields: Record<string, unknown> = {}) => ({
    actor_id: actor,
    event_type: "order.placed",
    ...fields,
  });
  /** Posts, once to warm the isolate, and tells what it cost and which jobs were rung for. */
  async function post(body: unknown, path = "/events") {
    const trips: string[] = [];
    const counted = openWorker({
      ...house.worker.env,
      ...wrapAll((binding) => async ({ kind }, run) => {
        if (binding !== "CONTROL_DB") trips.push(kind);
        return run();
      }),
    } as Bindings);
    const { token } = house.tenant.admin;
    const once = async () => {
      trips.length = 0;
      house.sent();
      const reply = await counted.call("POST", `${house.tenant.api}${path}`, { token, body });
      expect(reply.status, reply.text).toBeLessThan(300);
    };
    await once();
    await once();
    return { trips, rung: house.sent().map(({ queue, body: { job } }) => [queue, job]) };
  }
  const watch = (metric: string, active = 1) =>
    house.database
      .prepare(
        `INSERT INTO signal_rules (id, metric, operator, threshold, duration_seconds, severity,
          active, created_at, updated_at, version) VALUES (?, ?, '>', 1, 0, 'low', ?, 1, 1, 1)`,
      )
      .bind(newId("rule"), metric, active)
      .run();
  const samples = async () => {
    const { results } = await house.database
      .prepare("SELECT metric, value, at FROM metric_samples ORDER BY seq")
      .all<{ metric: string; value: number; at: number }>();
    return results;
  };
  const DELIVER = ["deliveries", "destinations.deliver"];
  const EVALUATE = ["doorbells", "signals.evaluate"];

  it("rings for nobody and reads nothing where nobody listens", async () => {
    await house.addDestination({ event_types: ["another.type"] });
    const disabled = await house.addDestination();
    await house.ask("PUT", disabled.path, { status: "disabled" });
    await watch("load");
    await watch("latency", 0);
    const body = event({ metadata: { latency: 9, name: "load" } });
    expect(await post(body)).toEqual({ trips: ["batch"], rung: [] });
    expect(await post({ events: [body, body] }, "/events/batch")).toEqual({
      trips: ["read", "batch"],
      rung: [],
    });
    expect(await samples()).toEqual([]);
  });

  it("rings for its deliveries where a destination wants it, still in one trip", async () => {
    const destination = await house.addDestination({ event_types: ["order.*"] });
    expect(await post(event())).toEqual({ trips: ["batch"], rung: [DELIVER] });
    expect(await post({ events: [event(), event()] }, "/events/batch")).toEqual({
      trips: ["read", "batch"],
      rung: [DELIVER],
    });
    expect(await house.deliveries(destination)).toHaveLength(6);
  });

  it("rings for evaluation where a rule watches what it measured, still in one trip", async () => {
    await watch("load");
    const at = Date.now() - 60_000;
    const timestamp = new Date(at).toISOString();
    const metadata = { load: 7.5, other: 1, nested: { load: 2 }, text: "3" };
    expect(await post(event({ timestamp, metadata }))).toEqual({
      trips: ["batch"],
      rung: [EVALUATE],
    });
    expect(await samples()).toEqual(Array(2).fill({ metric: "load", value: 7.5, at }));
    expect((await post(event({ metadata: {} }))).rung).toEqual([]);
  });

  it("of a webhook is measured as well", async () => {
    await watch("amount");
    await house.happen("payment.succeeded", { id: "pay_1", amount: 1200, fee: 30 });
    expect(await samples()).toMatchObject([{ metric: "amount", value: 1200 }]);
    const rung = house.sent().map(({ queue, body: { job } }) => [queue, job]);
    expect(rung.filter(([, job]) => job === EVALUATE[1])).toEqual([EVALUATE]);
  });

  it("of a batch measures in the order of time", async () => {
    await watch("load");
    const at = (nth: number) => Date.now() - 600_000 + nth * 1_000;
    const order = [3, 1, 2, 0];
    const base = order.map((nth) => at(nth));
    const events = order.map((nth, place) =>
      event({ timestamp: new Date(base[place] ?? 0).toISOString(), metadata: { load: nth } }),
    );
    const { rung } = await post({ events }, "/events/batch");
    expect(rung).toEqual([EVALUATE]);
    expect((await samples()).map(({ value }) => value)).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it("of 500 for 50 destinations is queued for each of them, in one statement", async ({
    task,
  }) => {
    const ids = Array.from({ length: 50 }, () => newId("destination")).sort();
    await house.database.batch(
      ids.map((id, nth) =>
        house.database
          .prepare(
            `INSERT INTO destinations (id, url, event_types, status, created_at, updated_at, version)
            VALUES (?, 'https://a.example', ?, 'enabled', 1, 1, 1)`,
          )
          .bind(id, nth % 2 === 0 ? null : JSON.stringify([`t.${nth}`, "u.*"])),
      ),
    );
    const types = Array.from({ length: 500 }, (_, nth) =>
      nth % 10 === 0 ? "u.x" : `t.${nth % 50}`,
    );
    let statements = 0;
    const counted = openWorker({
      ...house.worker.env,
      ...wrapAll(() => async ({ sql }, run) => {
        statements += sql.filter((text) => text.startsWith('insert into "deliveries"')).length;
        return run();
      }),
    } as Bindings);
    const reply = await counted.call("POST", `${house.tenant.api}/events/batch`, {
      token: house.tenant.admin.token,
      body: { events: types.map((event_type) => event({ event_type })) },
    });
    expect(reply.json, reply.text).toMatchObject({ created: 500 });
    const eventIds: string[] = reply.json.results.map(
      ({ event_id }: { event_id: string }) => event_id,
    );
    const { results } = await house.database
      .prepare("SELECT id, destination_id, event_id, type FROM deliveries ORDER BY id")
      .all<{ id: string; destination_id: string; event_id: string; type: string }>();
    const wanted = types.flatMap((type, nth) =>
      ids
        .filter((_, place) => place % 2 === 0 || type === "u.x" || type === `t.${place}`)
        .map((id) => `${eventIds[nth]} ${id} ${type}`),
    );
    // By their ids they stand in the order of the events, and then of the destinations.
    expect(
      results.map(({ event_id, destination_id, type }) => `${event_id} ${destination_id} ${type}`),
    ).toEqual(wanted);
    for (const { id } of results) expect(id).toMatch(/^delivery_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
    expect(statements).toBe(1);
    expect(house.sent().map(({ queue, body: { job } }) => [queue, job])).toEqual([DELIVER]);
    showFigures(task, `500 events for 50 destinations: ${results.length} deliveries, 1 statement`);
  });

  it("is told of by a look where the answer to its commit was lost", async () => {
    await house.addDestination();
    await watch("load");
    let lost = false;
    const losing = openWorker({
      ...house.worker.env,
      ...wrapAll(() => async ({ kind, sql }, run) => {
        const done = await run();
        if (kind === "batch" && !lost && sql.some((text) => text.includes('"events"'))) {
          lost = true;
          throw new Error(LOST_TEXTS[0]);
        }
        return done;
      }),
    } as Bindings);
    const reply = await losing.call("POST", `${house.tenant.api}/events`, {
      token: house.tenant.admin.token,
      body: event({ metadata: { load: 3 } }),
    });
    expect([reply.status, lost]).toEqual([201, true]);
    expect(house.sent().map(({ queue, body: { job } }) => [queue, job])).toEqual([
      DELIVER,
      EVALUATE,
    ]);
  });

  it("whose commit nobody knows the end of is found by the next sweep", async () => {
    const destination = await house.addDestination();
    await watch("load");
    let lost = false;
    const losing = openWorker({
      ...house.worker.env,
      ...wrapAll((binding) => async ({ kind, sql }, run) => {
        if (lost && binding !== "CONTROL_DB") throw new Error(LOST_TEXTS[0]);
        const done = await run();
        if (kind === "batch" && sql.some((text) => text.startsWith('insert into "events"'))) {
          lost = true;
          throw new Error(LOST_TEXTS[0]);
        }
        return done;
      }),
    } as Bindings);
    const { slug, api, admin } = house.tenant;
    const options = {
      token: admin.token,
      headers: { "idempotency-key": "of-unknown-end" },
      body: event({ metadata: { load: 3 } }),
    };
    expect((await registryOf(slug))?.active_at).toBeNull();
    const reply = await losing.call("POST", `${api}/events`, options);
    expect([problemOf(reply), lost]).toEqual(["outcome-unknown", true]);
    const again = await house.worker.call("POST", `${api}/events`, options);
    expect([again.status, house.sent()]).toEqual([201, []]);
    expect(await house.deliveries(destination)).toHaveLength(1);
    const sweep = schedules.filter(({ name }) => name === "rounds.sweep");
    await runSchedules(sweep, ROUNDS.sweep.cron, house.worker.env);
    const bells = house.sent().map(({ body }) => body);
    const own = bells.filter((bell) => bell.slug === slug);
    expect(await ring(own, "doorbells", house.worker.env)).toEqual([]);
    const rung = house.sent().map(({ queue, body: { job } }) => [queue, job]);
    expect(rung).toEqual([DELIVER, EVALUATE]);
  });

  it("is stored and answered where nobody can be told", async () => {
    const destination = await house.addDestination();
    house.breakQueues("The queue is down.");
    const reply = await house.ask("POST", "/events", event());
    house.breakQueues(null);
    expect(reply.status, reply.text).toBe(201);
    expect(await house.deliveries(destination)).toMatchObject([
      { event_id: reply.json.id, status: "pending" },
    ]);
  });

  it("arrives at the destination as it was told", async () => {
    const destination = await house.addDestination();
    const metadata = { text: "“ä” 😀", number: 1.5 };
    const reply = await house.ask("POST", "/events", event({ subject: "order Ω", metadata }));
    await house.deliver();
    const [arrived] = await destination.receiver.arrived();
    expect(arrived?.verdicts).toEqual(["ok"]);
    expect(JSON.parse(arrived?.body ?? "")).toEqual({
      type: "order.placed",
      timestamp: reply.json.timestamp,
      data: { id: reply.json.id, source: "api", subject: "order Ω", metadata },
    });
  });
});
