import { beforeAll, expect, it } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import { retain } from "../../../src/features/destinations/retain.service.ts";
import { newId } from "../../../src/platform/ids.ts";
import { ROUNDS } from "../../../src/platform/jobs/chores.ts";
import { DAY, HOUR, SECOND, standingClock } from "../../support/clock.ts";
import { wrapD1 } from "../../support/d1.ts";
import {
  type DeliveryHouse,
  deliveryHouse,
  type TestDestination,
} from "../../support/destinations.ts";
import { databaseOf, registryOf, ring, tick } from "../../support/worker.ts";

/** As the tests' settings say: WEBHOOK_PAYLOAD_DAYS is left out. */
const KEPT_MS = 30 * DAY;

const clock = standingClock();
let house: DeliveryHouse;
beforeAll(async () => {
  house = await deliveryHouse();
});

const run = async () => retain(await house.ctx());

const counts = () =>
  house.database
    .prepare(
      `SELECT (SELECT count(*) FROM deliveries) AS deliveries,
        (SELECT count(*) FROM delivery_attempts) AS attempts,
        (SELECT count(*) FROM destinations) AS destinations,
        (SELECT count(*) FROM destination_secrets) AS secrets`,
    )
    .first();

/** A house with nothing but this destination. */
async function alone(): Promise<TestDestination> {
  await house.database.batch(
    [
      "destinations",
      "destination_secrets",
      "deliveries",
      "delivery_attempts",
      "delivery_drain",
    ].map((table) => house.database.prepare(`DELETE FROM ${table}`)),
  );
  return house.addDestination();
}

it("what ended 30 days ago goes with its attempts; what waits does not", async () => {
  const destination = await alone();
  await destination.receiver.set({ answers: [{ status: 200 }, { status: 500 }] });
  await house.happen();
  await house.deliver();
  await house.happen();
  await house.deliver();
  clock.pass(KEPT_MS);
  await run();
  expect(await counts()).toMatchObject({ deliveries: 2, attempts: 2 });
  clock.pass(1);
  await run();
  expect(await counts()).toMatchObject({ deliveries: 1, attempts: 1 });
  expect((await house.deliveries(destination)).map(({ status }) => status)).toEqual(["pending"]);
  expect(await house.actions()).toContain("delivery.forgotten");
});

it("what is sent anew between being found and being dropped is spared", async () => {
  const destination = await alone();
  await house.happen();
  await house.deliver();
  clock.pass(KEPT_MS + SECOND);
  const [delivery] = await house.deliveries(destination);
  const binding = String((await registryOf(house.tenant.slug))?.binding);
  let asked = 0;
  const racing = wrapD1(databaseOf(binding), async (trip, run) => {
    if (trip.kind === "batch" && trip.sql.some((sql) => /^delete from "deliveries"/.test(sql))) {
      asked += 1;
      const path = `${destination.path}/deliveries/${delivery.id}/resend`;
      expect((await house.ask("POST", path)).status).toBe(202);
    }
    return run();
  });
  const before = (await house.actions()).filter((action) => action === "delivery.forgotten").length;
  await retain(await house.ctx({ [binding]: racing } as Partial<Bindings>));
  expect(asked).toBe(1);
  expect(await counts()).toMatchObject({ deliveries: 1, attempts: 1 });
  const after = (await house.actions()).filter((action) => action === "delivery.forgotten").length;
  expect(after).toBe(before);
});

it("a secret goes when it has expired, and it is written down", async () => {
  const destination = await alone();
  const [old] = (await house.destination(destination)).secrets;
  clock.pass(SECOND);
  await house.ask("POST", `${destination.path}/secrets`);
  clock.pass(DAY - 1);
  await run();
  expect(await counts()).toMatchObject({ secrets: 2 });
  clock.pass(1);
  await run();
  await run();
  expect(await counts()).toMatchObject({ secrets: 1 });
  expect(await house.actions(old.id)).toEqual([
    "destination_secret.added",
    "destination_secret.expired",
  ]);
});

it("a deleted destination goes after its deliveries, 500 at a time, and rings for the rest", async () => {
  const kept = await alone();
  const gone = await house.addDestination();
  await house.happen();
  await house.deliver();
  const ids = Array.from({ length: 600 }, () => newId("delivery"));
  await house.database
    .prepare(
      `INSERT INTO deliveries (id, destination_id, event_id, type, status, attempts, tries, due_at,
          created_at)
        SELECT value, ?, 'event_' || key, 'a.b', 'pending', 0, 0, 1, 1 FROM json_each(?)`,
    )
    .bind(gone.id, JSON.stringify(ids))
    .run();
  expect((await house.ask("DELETE", gone.path)).status).toBe(204);
  const before = (await gone.receiver.arrived()).length;
  await house.deliver();
  expect((await gone.receiver.arrived()).length).toBe(before);
  house.sent();
  await run();
  expect(await counts()).toMatchObject({ deliveries: 102, destinations: 2 });
  expect(house.sent()).toMatchObject([{ body: { job: "destinations.retain", again: true } }]);
  await run();
  expect(await counts()).toEqual({ deliveries: 1, attempts: 1, destinations: 1, secrets: 1 });
  expect(house.sent()).toEqual([]);
  expect(await house.deliveries(kept)).toHaveLength(1);
  expect((await house.actions(gone.id)).slice(-2)).toEqual([
    "destination.deleted",
    "destination.forgotten",
  ]);
});

it("is one of the nightly chores, at every tenant", async () => {
  await alone();
  await house.happen();
  await house.deliver();
  clock.pass(KEPT_MS + HOUR);
  house.sent();
  await tick(house.worker.env, ROUNDS.nightly.cron);
  const bells = house.sent().flatMap(({ body }) => (body.slug === house.tenant.slug ? [body] : []));
  expect(bells).toMatchObject([{ job: "rounds.nightly" }]);
  expect(await ring(bells, "doorbells", house.worker.env)).toEqual([]);
  expect(await counts()).toMatchObject({ deliveries: 0, attempts: 0 });
});

it("where nothing is old it is one read", async () => {
  await alone();
  const actions = await house.actions();
  await run();
  expect(await house.actions()).toEqual(actions);
});
