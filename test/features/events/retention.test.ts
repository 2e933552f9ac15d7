/** Events are kept for so many days after they were recorded, and then forgotten piece by piece. */
import { beforeEach, describe, expect, it } from "vitest";
import { eventChores } from "../../../src/features/events/index.ts";
import { retain } from "../../../src/features/events/retain.service.ts";
import { idFrom } from "../../../src/platform/ids.ts";
import { addActor } from "../../support/actors.ts";
import { DAY, standingClock } from "../../support/clock.ts";
import { type DeliveryHouse, deliveryHouse } from "../../support/destinations.ts";
import { firstValue, wrapAll } from "../../support/worker.ts";

const SETTINGS = { WEBHOOK_PAYLOAD_DAYS: "2", EVENT_DAYS: "30" };

describe("retention of events", () => {
  const clock = standingClock();
  let house: DeliveryHouse;
  let actor: string;
  beforeEach(async () => {
    house = await deliveryHouse();
    actor = await addActor(house.tenant);
  });
  const tell = async (fields: Record<string, unknown> = {}): Promise<string> => {
    const reply = await house.ask("POST", "/events", {
      actor_id: actor,
      event_type: "t",
      ...fields,
    });
    expect(reply.status, reply.text).toBe(201);
    return reply.json.id;
  };
  const visit = async () => retain(await house.ctx(SETTINGS));
  const look = async () => {
    for (const chore of eventChores) await chore.run(await house.ctx(SETTINGS));
    return house.sent().filter(({ body }) => body.job === "events.retain");
  };
  const kept = () => firstValue<number>(house.database, "SELECT count(*) FROM events");
  const multiply = async (count: number) => {
    const id = idFrom("event", new Date()).slice(0, -6);
    await house.database
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
        INSERT INTO events (id, type, source, source_id, actor_id, occurred_at, recorded_at, metadata)
        SELECT ? || format('%06d', i), type, source, source_id, actor_id, occurred_at, recorded_at,
          metadata FROM n, (SELECT * FROM events LIMIT 1)`,
      )
      .bind(id)
      .run();
  };

  it("counts the days from when they were recorded, whatever their own time is", async () => {
    const ids = [
      await tell({ timestamp: new Date(Date.now() - 399 * DAY).toISOString() }),
      await tell(),
    ];
    clock.pass(30 * DAY);
    await visit();
    expect(await kept()).toBe(2);
    // Told late: as old as the first, but new here.
    ids.push(await tell({ timestamp: new Date(Date.now() - 399 * DAY).toISOString() }));
    clock.pass(1);
    expect(await look()).toHaveLength(1);
    await visit();
    expect(await kept()).toBe(1);
    for (const [nth, id] of ids.entries()) {
      expect((await house.ask("GET", `/events/${id}`)).status).toBe(nth === 2 ? 200 : 404);
    }
    expect((await house.actions()).filter((action) => action === "events.forgotten")).toEqual([
      "events.forgotten",
    ]);
  });

  it("costs one read and no write where nothing is old", async () => {
    await tell();
    clock.pass(30 * DAY);
    for (const run of [retain, ...eventChores.map((chore) => chore.run)]) {
      const trips: string[] = [];
      const counting = wrapAll((binding) => async ({ kind }, goOn) => {
        if (binding !== "CONTROL_DB") trips.push(kind);
        return goOn();
      });
      const ctx = await house.ctx({ ...SETTINGS, ...counting });
      trips.length = 0;
      await run(ctx);
      expect(trips).toEqual(["read"]);
    }
    expect(await look()).toEqual([]);
  });

  it("is part of the hourly and the nightly round, and its job is known", async () => {
    expect(eventChores.map(({ name, rounds }) => [name, rounds])).toEqual([
      ["events.retain", ["cleanup", "nightly"]],
    ]);
    const { chores, queueJobs } = await import("../../../src/registry.ts");
    expect(chores).toEqual(expect.arrayContaining([...eventChores]));
    expect(queueJobs.find(({ name }) => name === "events.retain")).toMatchObject({
      queue: "doorbells",
      run: retain,
    });
  });

  it("goes by 500, and rings again while there are more", async () => {
    await tell();
    await multiply(1_000);
    house.sent();
    clock.pass(30 * DAY + 1);
    const left: number[] = [];
    const rung: unknown[] = [];
    for (let chunk = 0; chunk < 4; chunk++) {
      await visit();
      left.push(await kept());
      rung.push(house.sent().map(({ queue, body }) => [queue, body.job, body.again]));
    }
    const again = [["doorbells", "events.retain", true]];
    expect([left, rung]).toEqual([
      [501, 1, 0, 0],
      [again, again, [], []],
    ]);
    const said = await house.database
      .prepare(
        `SELECT data FROM audit_log JOIN audit_private ON audit_id = id
        WHERE action = 'events.forgotten' ORDER BY seq`,
      )
      .all<{ data: string }>();
    expect(said.results.map(({ data }) => JSON.parse(data).events)).toEqual([500, 500, 1]);
  });

  it("leaves actors free to be removed, and ends deliveries of what is gone", async () => {
    const destination = await house.addDestination();
    await tell();
    expect((await house.ask("DELETE", `/actors/${actor}`)).status).toBe(409);
    clock.pass(30 * DAY + 1);
    await visit();
    expect(await kept()).toBe(0);
    await house.deliver();
    expect(await destination.receiver.arrived()).toEqual([]);
    expect(await house.deliveries(destination)).toMatchObject([
      { status: "failed", last_error: "The event is not kept any more." },
    ]);
    expect((await house.ask("DELETE", `/actors/${actor}`)).status).toBe(204);
  });
});
