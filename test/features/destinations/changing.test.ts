/** Slow receivers beside a fast one, and destinations that change while deliveries are under way. */
import { beforeAll, describe, expect, inject, it, vi } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { findEvent } from "../../../src/features/events/index.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { wrapD1 } from "../../support/d1.ts";
import {
  type DeliveryHouse,
  deliveryHouse,
  newReceiver,
  type TestDestination,
} from "../../support/destinations.ts";
import { showFigures } from "../../support/figures.ts";
import { databaseOf, registryOf } from "../../support/worker.ts";

const clock = standingClock();
let house: DeliveryHouse;
beforeAll(async () => {
  house = await deliveryHouse();
});

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

const happenOften = async (count: number) => {
  for (let nth = 1; nth <= count; nth++) await house.happen();
};

/** Delivers; once it has taken what is due and begins with the first, something else happens. */
async function deliverWhile(change: () => Promise<unknown>): Promise<void> {
  let changed: Promise<unknown> | null = null;
  await house.deliver({
    findEvent: async (...args) => {
      changed ??= change();
      await changed;
      return findEvent(...args);
    },
  });
}

it("three destinations that are slow do not keep a fast one waiting", async ({ task }) => {
  await only({ event_types: ["slow-1"] });
  await house.addDestination({ event_types: ["slow-2"] });
  await house.addDestination({ event_types: ["slow-3"] });
  const fast = await house.addDestination({ event_types: ["fast"] });
  const slow = new Set<string>();
  for (let nth = 1; nth <= 5; nth++) {
    for (const type of ["slow-1", "slow-2", "slow-3"]) slow.add(await house.happen(type));
  }
  for (let nth = 1; nth <= 5; nth++) await house.happen("fast");
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let begun = 0;
  const run = house.deliver({
    findEvent: async (db, id, from) => {
      if (slow.has(id)) {
        begun += 1;
        await released;
      }
      return findEvent(db, id, from);
    },
  });
  try {
    await vi.waitFor(async () => expect(await fast.receiver.arrived()).toHaveLength(5), 10_000);
  } finally {
    clock.pass(12 * SECOND);
    release();
    await run;
  }
  expect(begun).toBeLessThanOrEqual(6);
  showFigures(task, `5 of 5 fast ones arrived while ${begun} slow ones were held`);
});

/** Three are looked up at once: of five, the last two are looked up after what happens meanwhile. */
describe("what is taken and not yet posted", () => {
  it.each<[string, (destination: TestDestination) => Promise<unknown>]>([
    ["deleted", ({ path }) => house.ask("DELETE", path)],
    ["disabled", ({ path }) => house.ask("PUT", path, { status: "disabled" })],
  ])("is not sent to a destination that was %s", async (_, change) => {
    const destination = await only();
    await happenOften(5);
    await deliverWhile(() => change(destination));
    expect((await destination.receiver.arrived()).length).toBeLessThanOrEqual(3);
    const open = "SELECT count(*) AS n FROM deliveries WHERE due_at IS NOT NULL";
    expect(await house.database.prepare(open).first("n")).toBe(0);
  });

  it("is sent to the new address, with the new secrets", async () => {
    const destination = await only();
    const moved = newReceiver();
    await happenOften(5);
    await deliverWhile(async () => {
      await house.ask("PUT", destination.path, { url: moved.url });
      clock.pass(SECOND);
      await house.ask("POST", `${destination.path}/secrets`);
      clock.pass(SECOND);
      const { json } = await house.ask("POST", `${destination.path}/secrets`);
      await moved.set({ secrets: [destination.secret, json.secret], now: Date.now() });
    });
    const arrived = await moved.arrived();
    expect(arrived.length).toBeGreaterThanOrEqual(2);
    for (const { verdicts } of arrived.slice(-2)) {
      expect(verdicts).toEqual(["No matching signature found", "ok"]);
    }
    expect((await destination.receiver.arrived()).length + arrived.length).toBe(5);
  });
});

it("a 410 of the address before does not disable the destination that has moved", async () => {
  const destination = await only();
  await destination.receiver.set({ answers: [{ status: 410 }] });
  const moved = newReceiver();
  await house.happen();
  const binding = String((await registryOf(house.tenant.slug))?.binding);
  let asked = 0;
  const racing = wrapD1(databaseOf(binding), async (trip, run) => {
    const isEnd =
      trip.kind === "batch" && trip.sql.some((sql) => /^update "delivery_attempts"/.test(sql));
    if (isEnd && asked++ === 0) {
      const reply = await house.ask("PUT", destination.path, { url: moved.url });
      expect(reply.status, reply.text).toBe(200);
    }
    return run();
  });
  await house.deliver({}, {}, { [binding]: racing } as Partial<Bindings>);
  expect(asked).toBe(1);
  expect(await house.destination(destination)).toMatchObject({
    status: "enabled",
    failing_since: null,
  });
  clock.pass(5 * SECOND);
  await house.deliver();
  expect(await moved.arrived()).toHaveLength(1);
  expect(await house.deliveries(destination)).toMatchObject([{ status: "delivered", attempts: 2 }]);
});

describe("a 2xx", () => {
  it.each(["torn", "flood", "headers", "drip"])(
    "settles it, though the body is: %s",
    async (how) => {
      const url = `http://127.0.0.1:${inject("misbehaving").first}/${how}/${crypto.randomUUID()}`;
      const destination = await only({ url });
      await house.happen();
      await house.deliver();
      const [delivery] = await house.deliveries(destination);
      expect(delivery).toMatchObject({ status: "delivered", attempts: 1, response_status: 200 });
      const { attempt_log } = await house.detail(destination, delivery.id);
      expect((attempt_log[0].response_text ?? "").length).toBeLessThanOrEqual(1_024);
    },
  );
});

it("however much waits for a destination that is disabled ends, 5,000 at a time", async ({
  task,
}) => {
  const destination = await only();
  await house.database
    .prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10600)
        INSERT INTO deliveries (id, destination_id, event_id, type, status, attempts, tries, due_at,
          created_at)
        SELECT 'delivery_' || n, ?1, 'event_' || n, 'a.b', 'pending', 0, 0, 1, 1 FROM numbers`,
    )
    .bind(destination.id)
    .run();
  const count = "SELECT count(*) AS n FROM deliveries WHERE status = 'pending'";
  const waiting = () => house.database.prepare(count).first("n");
  const put = async (status: string) =>
    (await house.ask("PUT", destination.path, { status })).status;
  const bells = () => house.sent().map(({ body }) => body.job);
  expect(await put("disabled")).toBe(200);
  expect([await waiting(), bells()]).toEqual([5_600, ["destinations.deliver"]]);
  // They would be sent after all.
  expect(await put("enabled")).toBe(409);
  expect(await waiting()).toBe(5_600);
  await house.deliver();
  expect([await waiting(), bells()]).toEqual([600, ["destinations.deliver"]]);
  await house.deliver();
  expect([await waiting(), bells()]).toEqual([0, []]);
  expect(await house.actions()).toContain("delivery.stranded_ended");
  expect(await put("enabled")).toBe(200);
  expect(await destination.receiver.arrived()).toEqual([]);
  showFigures(task, "10,600 waited: 5,000, 5,000 and 600 ended in a commit each, none was sent");
});
