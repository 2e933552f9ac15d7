/** Destinations that were disabled for what they answered, as signals tell of them. */
import { beforeAll, describe, expect, it } from "vitest";
import { watchIntegrations } from "../../../src/features/integrations/watch.service.ts";
import { DAY, SECOND, standingClock } from "../../support/clock.ts";
import {
  type DeliveryHouse,
  deliveryHouse,
  type TestDestination,
} from "../../support/destinations.ts";
import { changesOf, resolveByHand, signalsOf } from "../../support/signal-rows.ts";
import { wrapAll } from "../../support/worker.ts";

const KIND = "integration.destination_disabled";
const clock = standingClock({ between: 10 * SECOND });

let house: DeliveryHouse;
beforeAll(async () => {
  house = await deliveryHouse();
});

const visit = async () => watchIntegrations(await house.ctx());
async function costOfVisit(): Promise<string[]> {
  const trips: string[] = [];
  const watched = wrapAll(() => async (trip, run) => {
    trips.push(trip.kind);
    return run();
  });
  const ctx = await house.ctx(watched);
  trips.length = 0;
  await watchIntegrations(ctx);
  return trips;
}
const signalsAbout = async ({ id }: TestDestination) =>
  (await signalsOf(house, KIND)).filter(({ dedupe_key }) => dedupe_key === `destination:${id}`);
const standing = async (destination: TestDestination) =>
  (await signalsAbout(destination)).map(({ status, resolved_by }) => [status, resolved_by]);

/** A destination that alone gets what happens next, and answers so. */
async function addAnswering(status: number): Promise<TestDestination> {
  await house.database.prepare("UPDATE destinations SET event_types = '[\"no.more\"]'").run();
  const destination = await house.addDestination();
  const answers = Array.from({ length: 9 }, () => ({ status }));
  await destination.receiver.set({ answers });
  return destination;
}
const attemptOne = async () => {
  await house.happen();
  await house.deliver();
};
async function addGone(): Promise<TestDestination> {
  const destination = await addAnswering(410);
  await attemptOne();
  expect((await house.destination(destination)).disabled_reason).toBe("gone");
  return destination;
}
const put = async ({ path }: TestDestination, changes: object) => {
  const reply = await house.ask("PUT", path, changes);
  expect(reply.status, reply.text).toBe(200);
};

describe("a destination's signal", () => {
  it("is raised once when it says that it is gone, and resolved when it is enabled", async () => {
    const destination = await addAnswering(410);
    await visit();
    expect(await signalsAbout(destination)).toEqual([]);
    await attemptOne();
    const disabledAt = Date.now();
    clock.pass(SECOND);
    await visit();
    expect(await costOfVisit()).toEqual(["read"]);
    const [signal, ...others] = await signalsAbout(destination);
    expect(others).toEqual([]);
    expect(signal).toMatchObject({
      source: "infra",
      severity: "high",
      status: "open",
      occurrences: 1,
      last_seen_at: disabledAt,
      title: `The destination at ${new URL(destination.receiver.url).host} gets no more events`,
      description: expect.stringContaining("410"),
    });
    expect(JSON.stringify(signal)).not.toContain(new URL(destination.receiver.url).pathname);
    await put(destination, { status: "enabled" });
    await visit();
    expect(await standing(destination)).toEqual([["resolved", "recovery"]]);
    expect(await changesOf(house, signal?.id ?? "")).toEqual(["opened", "resolved"]);
  });

  it("is raised when it has failed for days", async () => {
    const destination = await addAnswering(500);
    for (let nth = 0; nth < 3; nth++) {
      await attemptOne();
      // A failure alone: more of them would open the breaker.
      await house.database.prepare("DELETE FROM deliveries").run();
      await visit();
      const isOver = nth === 2;
      expect(await signalsAbout(destination), `${nth}`).toHaveLength(isOver ? 1 : 0);
      clock.pass(2.5 * DAY);
    }
    const [signal] = await signalsAbout(destination);
    expect(signal?.description).toContain("failed for days");
    await put(destination, { status: "enabled" });
    await visit();
    expect(await standing(destination)).toEqual([["resolved", "recovery"]]);
  });

  it("is none where it was disabled by hand", async () => {
    const destination = await addAnswering(204);
    await put(destination, { status: "disabled" });
    await visit();
    expect(await signalsAbout(destination)).toEqual([]);
  });

  it("is resolved when the destination is removed", async () => {
    const destination = await addGone();
    await visit();
    expect(await standing(destination)).toEqual([["open", null]]);
    await house.ask("DELETE", destination.path);
    await visit();
    expect(await standing(destination)).toEqual([["resolved", "recovery"]]);
    await visit();
    expect(await standing(destination)).toHaveLength(1);
  });

  it("that somebody has resolved stays so until it is disabled anew", async () => {
    const destination = await addGone();
    await visit();
    const [signal] = await signalsAbout(destination);
    clock.pass(SECOND);
    await resolveByHand(house, signal?.id ?? "", Date.now());
    await visit();
    expect(await standing(destination)).toEqual([["resolved", null]]);
    clock.pass(SECOND);
    await put(destination, { status: "enabled" });
    await visit();
    await attemptOne();
    await visit();
    expect(await standing(destination)).toEqual([
      ["resolved", null],
      ["open", null],
    ]);
  });
});
