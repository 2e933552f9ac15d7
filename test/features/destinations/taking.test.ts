/** Who takes what is due, and what becomes of it when nobody rings, two come, or one does not return. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { findEvent } from "../../../src/features/events/index.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { OVERLOADED_TEXTS, wrapD1 } from "../../support/d1.ts";
import {
  type DeliveryHouse,
  deliveryHouse,
  type TestDestination,
} from "../../support/destinations.ts";
import { acceptMany } from "../../support/drains.ts";
import { showFigures } from "../../support/figures.ts";
import type { Arrived } from "../../support/receiver.node.ts";
import { databaseOf, registryOf, ring, tick, wrapAll } from "../../support/worker.ts";

const clock = standingClock();
let house: DeliveryHouse;
beforeAll(async () => {
  house = await deliveryHouse();
});

const sumOf = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);
const idsOf = (arrived: readonly Arrived[]) => arrived.map(({ headers }) => headers["webhook-id"]);

/** A destination beside which there is nothing else to do. */
async function only(input: Record<string, unknown> = {}): Promise<TestDestination> {
  await house.database.batch([
    house.database.prepare("UPDATE destinations SET status = 'disabled'"),
    house.database.prepare("DELETE FROM deliveries"),
    house.database.prepare("DELETE FROM delivery_drain"),
  ]);
  house.sent();
  return house.addDestination(input);
}

/** So many events, recorded; their deliveries wait. */
async function manyHappen(count: number, name: string): Promise<void> {
  await acceptMany(house, clock, count, name);
  for (let taken = 0; taken < count; taken += 25) await house.drain({}, { again: true });
  house.sent();
}

const openOf = (destination: TestDestination) =>
  house.database
    .prepare("SELECT count(*) AS n FROM deliveries WHERE destination_id = ? AND due_at IS NOT NULL")
    .bind(destination.id)
    .first<number>("n");

/** Delivers, and counts how many it worked on at once, and in all. */
async function mostAtOnce(): Promise<[most: number, all: number]> {
  let [running, most, all] = [0, 0, 0];
  await house.deliver({
    findEvent: async (...args) => {
      running += 1;
      most = Math.max(most, running);
      const event = await findEvent(...args);
      running -= 1;
      all += 1;
      return event;
    },
  });
  return [most, all];
}

describe("one doorbell", () => {
  it("takes 25, and rings the next of its chain until nothing is due", async () => {
    const destination = await only();
    await manyHappen(60, "sixty");
    const counts: number[] = [];
    const bells: unknown[] = [];
    for (let nth = 0; nth < 4; nth++) {
      await house.deliver({}, { again: true });
      counts.push((await destination.receiver.arrived()).length);
      bells.push(
        house.sent().map(({ body, delaySeconds }) => [body.job, !!body.again, delaySeconds]),
      );
    }
    expect(counts).toEqual([25, 50, 60, 60]);
    const next = [["destinations.deliver", true, 0]];
    expect(bells).toEqual([next, next, [], []]);
    expect(new Set(idsOf(await destination.receiver.arrived())).size).toBe(60);
  });

  it("takes of each destination in turn: a flood for one holds up no other", async () => {
    const flooded = await only();
    await manyHappen(40, "flood");
    const others = [await house.addDestination(), await house.addDestination()];
    await house.happen();
    await house.deliver();
    for (const other of others) expect(await other.receiver.arrived()).toHaveLength(1);
    expect(await flooded.receiver.arrived()).toHaveLength(23);
  });

  it("posts 6 at once, and 3 to one destination", async () => {
    await only();
    await manyHappen(8, "alone");
    expect(await mostAtOnce()).toEqual([3, 8]);
    await house.addDestination();
    await house.addDestination();
    await manyHappen(8, "together");
    expect(await mostAtOnce()).toEqual([6, 24]);
  });

  it("does nothing for a suspended tenant, whose deliveries are held until it is active", async () => {
    const destination = await only();
    await house.happen();
    await house.database.prepare("UPDATE realm SET status = 'suspended'").run();
    await house.deliver();
    expect(await destination.receiver.arrived()).toEqual([]);
    await house.database.prepare("UPDATE realm SET status = 'active'").run();
    await house.deliver();
    expect(await destination.receiver.arrived()).toHaveLength(1);
  });

  it("that rings where nothing is due writes nothing", async () => {
    await only();
    await house.happen();
    await house.deliver();
    house.sent();
    const count = () =>
      house.database.prepare("SELECT sum(count) AS n FROM audit_sums").first<number>("n");
    const before = await count();
    await house.deliver();
    expect(await count()).toBe(before);
    expect(house.sent()).toEqual([]);
  });
});

describe("the doorbell", () => {
  it("is rung by the consumer of webhooks, once a run, and only if a destination wants it", async () => {
    await only({ event_types: ["order.placed"] });
    await house.accept("rings-nobody", "order.unwanted");
    await house.drain();
    expect(house.sent().map(({ body }) => body.job)).toEqual(["webhooks.drain"]);
    await house.accept("rings-1");
    await house.accept("rings-2");
    house.sent();
    await house.drain();
    expect(house.sent().map(({ body }) => body.job)).toEqual(["destinations.deliver"]);
  });

  it("that is lost is made up for by the sweeper", async ({ task }) => {
    const destination = await only();
    await house.happen();
    house.sent();
    // The registry heard of it from the drain.
    expect((await registryOf(house.tenant.slug))?.active_at).not.toBeNull();
    await tick(house.worker.env);
    // The round's bell, whose consumer looks and rings for what it finds.
    const visits = house
      .sent()
      .flatMap(({ body }) => (body.tenant_id === house.tenant.id ? [body] : []));
    expect(visits.map(({ job }) => job)).toEqual(["rounds.sweep"]);
    expect(await ring(visits, "doorbells", house.worker.env)).toEqual([]);
    const bells = house
      .sent()
      .flatMap(({ body }) =>
        body.job === "destinations.deliver" && body.tenant_id === house.tenant.id ? [body] : [],
      );
    expect(bells).toHaveLength(1);
    expect(await destination.receiver.arrived()).toEqual([]);
    expect(await ring(bells, "deliveries", house.worker.env)).toEqual([]);
    expect(await destination.receiver.arrived()).toHaveLength(1);
    showFigures(task, "1 bell lost, found within a minute's sweep");
  });

  it("that cannot be rung stops nothing", async () => {
    const destination = await only();
    await house.accept("cannot-ring");
    house.breakQueues("Queue is overloaded");
    await house.drain();
    house.breakQueues(null);
    await house.deliver();
    expect(await destination.receiver.arrived()).toHaveLength(1);
  });
});

describe("several consumers", () => {
  it("at once send each delivery once", async ({ task }) => {
    const destination = await only();
    await manyHappen(75, "several");
    let rounds = 0;
    while ((await openOf(destination)) !== 0) {
      rounds += 1;
      // As if the chain had broken: all of them may take.
      await house.database.prepare("UPDATE delivery_drain SET chain_until = 0").run();
      await Promise.all(Array.from({ length: 5 }, () => house.deliver()));
      expect(rounds).toBeLessThan(10);
    }
    const ids = idsOf(await destination.receiver.arrived());
    expect([ids.length, new Set(ids).size]).toEqual([75, 75]);
    const all = await house.deliveries(destination, "?limit=100");
    expect(all.map(({ status, attempts }) => `${status} ${attempts}`)).toEqual(
      Array(75).fill("delivered 1"),
    );
    showFigures(task, `75 deliveries, 5 consumers at once, ${rounds} rounds: each sent once`);
  });
});

describe("consumers whose runs overlap", () => {
  it("have each their own: what one has taken is not due for the next", async ({ task }) => {
    const destination = await only();
    await manyHappen(75, "overlap");
    let inside = 1;
    const begin = async (): Promise<void> => {
      let first = true;
      await house.deliver({
        findEvent: async (...args) => {
          // In the middle of the run, as if its chain had not been heard of for a minute.
          if (first && inside < 4) {
            first = false;
            inside += 1;
            await house.database.prepare("UPDATE delivery_drain SET chain_until = 0").run();
            await begin();
          }
          return findEvent(...args);
        },
      });
    };
    await begin();
    const ids = idsOf(await destination.receiver.arrived());
    expect([ids.length, new Set(ids).size]).toEqual([75, 75]);
    expect(await openOf(destination)).toBe(0);
    showFigures(task, `75 deliveries, ${inside} runs inside one another: each sent once`);
  });
});

describe("a lease", () => {
  it("that is lost ends with its time: the delivery is sent again, with the same id", async () => {
    const destination = await only();
    await house.happen();
    await house.deliver({
      findEvent: () => Promise.reject(new Failure("database-unavailable")),
    });
    expect(await destination.receiver.arrived()).toEqual([]);
    clock.pass(MINUTE - 1);
    await house.deliver();
    expect(await destination.receiver.arrived()).toEqual([]);
    clock.pass(1);
    await house.deliver();
    const [delivery] = await house.deliveries(destination);
    expect((await house.detail(destination, delivery.id)).attempt_log).toMatchObject([
      { number: 1, outcome: "lost", ended_at: null },
      { number: 2, outcome: "delivered" },
    ]);
  });

  it("whose end cannot be written down leads to a second delivery under the same id", async () => {
    const destination = await only();
    await house.happen();
    const binding = String((await registryOf(house.tenant.slug))?.binding);
    const deaf = wrapD1(databaseOf(binding), (trip, run) =>
      trip.kind === "batch" && trip.sql.some((sql) => /^update "delivery_attempts"/.test(sql))
        ? Promise.reject(new Error(OVERLOADED_TEXTS[0]))
        : run(),
    );
    await house.deliver({}, {}, { [binding]: deaf } as Partial<Bindings>);
    clock.pass(MINUTE);
    await house.deliver();
    const [first, second, ...more] = idsOf(await destination.receiver.arrived());
    expect([second, more]).toEqual([first, []]);
    expect(await house.deliveries(destination)).toMatchObject([
      { status: "delivered", attempts: 2 },
    ]);
  });

  it("is what a consumer that comes back too late no longer has: it changes nothing", async () => {
    const destination = await only();
    await destination.receiver.set({ answers: [{ status: 200 }, { status: 500 }] });
    await house.happen();
    let goOn = () => {};
    const released = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let begun = () => {};
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const late = house.deliver({
      findEvent: async (...args) => {
        begun();
        await released;
        return findEvent(...args);
      },
    });
    await hasBegun;
    clock.pass(MINUTE + SECOND);
    await house.deliver();
    goOn();
    await late;
    const [first, second, ...more] = idsOf(await destination.receiver.arrived());
    expect([second, more]).toEqual([first, []]);
    const [delivery] = await house.deliveries(destination);
    expect(await house.detail(destination, delivery.id)).toMatchObject({
      status: "delivered",
      response_status: 200,
      attempt_log: [
        { number: 1, outcome: "lost" },
        { number: 2, outcome: "delivered" },
      ],
    });
    expect(await house.destination(destination)).toMatchObject({ failing_since: null });
  });

  /** Loses so many leases, each as long as it lasts. @returns how many minutes each was */
  async function loseLeases(count: number): Promise<number[]> {
    const due = "SELECT min(due_at) AS due FROM deliveries WHERE lease IS NOT NULL";
    const minutes: number[] = [];
    for (let nth = 1; nth <= count; nth++) {
      await house.deliver({
        findEvent: () => Promise.reject(new Failure("database-unavailable")),
      });
      const end = (await house.database.prepare(due).first<number>("due")) ?? 0;
      minutes.push((end - Date.now()) / MINUTE);
      clock.pass(end - Date.now());
    }
    return minutes;
  }

  it("that is lost by a fault of ours uses no attempt, and gives it time to pass", async ({
    task,
  }) => {
    const destination = await only();
    await destination.receiver.set({ answers: [{ status: 500 }] });
    await house.happen();
    const minutes = await loseLeases(10);
    expect(minutes).toEqual([1, 2, 4, 8, ...Array(6).fill(16)]);
    await house.deliver();
    const [delivery] = await house.deliveries(destination);
    expect(delivery).toMatchObject({ status: "pending", attempts: 11 });
    // As after the first attempt that failed.
    expect(Date.parse(delivery.next_attempt_at) - Date.now()).toBe(5 * SECOND);
    clock.pass(5 * SECOND);
    await house.deliver();
    expect(await house.deliveries(destination)).toMatchObject([{ status: "delivered" }]);
    showFigures(task, `10 leases lost in ${sumOf(minutes)} minutes, then delivered`);
  });

  it("that is lost 11 times in a row is not taken up for ever", async () => {
    const destination = await only();
    await house.happen();
    await loseLeases(11);
    await house.deliver();
    expect(await house.deliveries(destination)).toMatchObject([
      { status: "failed", attempts: 11, last_error: "The last attempt began and never ended." },
    ]);
    expect(await destination.receiver.arrived()).toEqual([]);
  });

  it("is given back by a consumer that has no time left", async () => {
    const destination = await only();
    await manyHappen(10, "slow-run");
    let seen = 0;
    await house.deliver({
      findEvent: async (...args) => {
        seen += 1;
        if (seen === 3) clock.pass(10 * SECOND);
        return findEvent(...args);
      },
    });
    expect(seen).toBe(3);
    expect(house.sent().map(({ body }) => body.job)).toEqual(["destinations.deliver"]);
    const all = await house.deliveries(destination);
    expect(all.map(({ status, attempts }) => `${status} ${attempts}`)).toEqual([
      ...Array(7).fill("pending 0"),
      ...Array(3).fill("delivered 1"),
    ]);
    await house.deliver();
    expect(new Set(idsOf(await destination.receiver.arrived())).size).toBe(10);
  });

  it("over a delivery whose destination was disabled meanwhile sends nothing", async () => {
    const destination = await only();
    await house.happen();
    await house.deliver({
      findEvent: () => Promise.reject(new Failure("database-unavailable")),
    });
    const reply = await house.ask("PUT", destination.path, { status: "disabled" });
    expect(reply.status, reply.text).toBe(200);
    clock.pass(MINUTE);
    await house.deliver();
    expect(await destination.receiver.arrived()).toEqual([]);
    expect(await house.deliveries(destination)).toMatchObject([
      { status: "failed", last_error: "The destination was disabled." },
    ]);
  });
});

it("a drain costs four trips, and three for each delivery", async ({ task }) => {
  await only();
  const trips: string[] = [];
  const counting = wrapAll((binding) => (_, run) => {
    trips.push(binding);
    return run();
  });
  const counted: number[] = [];
  for (const count of [3, 10]) {
    await manyHappen(count, `budget-${count}`);
    trips.length = 0;
    await house.deliver({}, {}, counting);
    counted.push(trips.filter((binding) => binding !== "CONTROL_DB").length);
  }
  expect(counted).toEqual([4 + 3 * 3, 4 + 3 * 10]);
  showFigures(task, `${counted.join(" and ")} trips for 3 and 10 deliveries`);
});
