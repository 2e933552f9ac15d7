/** What people are told of webhooks that have failed for good. */
import { describe, expect, it } from "vitest";
import { captureLogs } from "../../support/captured-logs.ts";
import { MINUTE, standingClock } from "../../support/clock.ts";
import { failing } from "../../support/drains.ts";
import type { Sent } from "../../support/kept-queues.ts";
import { bring } from "../../support/queue-batches.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { changesOf, resolveByHand, signalsOf } from "../../support/signal-rows.ts";
import { addService, eventOf } from "../../support/webhooks.ts";

const KIND = "webhook.dead_letter";
const clock = standingClock({ between: MINUTE });

/** Lets all that is due fail. @returns what the dead-letter queue was told */
async function die(house: QuietHouse): Promise<Sent[]> {
  house.sent();
  await house.drain(failing);
  return house.sent().filter(({ queue }) => queue === "dead-letters");
}

async function bury(house: QuietHouse, told: readonly Sent[]) {
  const bodies = told.map(({ body }) => body);
  const run = () => bring("dead-letters", bodies, { env: house.worker.env });
  return (await captureLogs(run)).result;
}

describe("a dead letter's signal", () => {
  it("tells what has failed, and nothing of its payload", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const id = await house.accept("first", "invoice.paid", { note: "of nobody else's business" });
    const died = Date.now();
    const told = await die(house);
    clock.pass(1_000);
    await bury(house, told);
    const [signal, ...others] = await signalsOf(house, KIND);
    expect(others).toEqual([]);
    expect(signal).toMatchObject({
      source: "webhook",
      severity: "high",
      status: "open",
      title: `Webhooks of ${house.service.slug} have failed for good`,
      description: `The last was ${id} (type invoice.paid, attempts 1): It is not to be.`,
      dedupe_key: `webhook:${house.service.slug}`,
      occurrences: 1,
      last_seen_at: died,
      opened_at: died + 1_000,
    });
    expect(JSON.stringify(signal)).not.toContain("business");
    expect(await changesOf(house, signal?.id ?? "")).toEqual(["opened"]);
    expect(await house.actions(signal?.id)).toEqual(["signal.opened"]);
  });

  it("is one for all of a service, and another for another", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const other = await addService(house.tenant, "generic", { max_attempts: 1 });
    for (let nth = 0; nth < 3; nth++) await house.accept(`one-${nth}`);
    await house.post(eventOf(other, "another"), undefined, other);
    await bury(house, await die(house));
    const signals = await signalsOf(house, KIND);
    const counts = Object.fromEntries(
      signals.map(({ dedupe_key, occurrences }) => [dedupe_key, occurrences]),
    );
    expect(counts).toEqual({ [`webhook:${house.service.slug}`]: 3, [`webhook:${other.slug}`]: 1 });
  });

  it("counts each death once, however often and by how many it is brought", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    await house.accept("one");
    const told = await die(house);
    await Promise.all([1, 2, 3].map(() => bury(house, told)));
    expect(await bury(house, told)).toEqual({ acked: [0], retried: [] });
    const [signal] = await signalsOf(house, KIND);
    expect(signal?.occurrences).toBe(1);
    expect(await house.actions(signal?.id)).toEqual(["signal.opened"]);
  });

  it("is none where it was replayed in time; a second death counts again", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const id = await house.accept("one");
    const replay = () => house.ask("POST", `/webhooks/events/${id}/replay`);
    const first = await die(house);
    await replay();
    await bury(house, first);
    expect(await signalsOf(house, KIND)).toEqual([]);
    for (const occurrences of [1, 2]) {
      await bury(house, await die(house));
      expect(await signalsOf(house, KIND)).toMatchObject([{ occurrences }]);
      await replay();
    }
  });

  it("is another after it was resolved", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    await house.accept("one");
    await bury(house, await die(house));
    const [signal] = await signalsOf(house, KIND);
    await resolveByHand(house, signal?.id ?? "", Date.now());
    await house.accept("two");
    await bury(house, await die(house));
    const found = await signalsOf(house, KIND);
    expect(found.map(({ status, occurrences }) => [status, occurrences])).toEqual([
      ["resolved", 1],
      ["open", 1],
    ]);
  });

  it("and the burial are both written, or neither", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const id = await house.accept("one");
    const told = await die(house);
    await house.database.prepare("ALTER TABLE signal_changes RENAME TO gone").run();
    expect(await bury(house, told)).toEqual({ acked: [], retried: [[0, 10]] });
    expect((await house.event(id)).buriedAt).toBeNull();
    expect(await signalsOf(house, KIND)).toEqual([]);
    await house.database.prepare("ALTER TABLE gone RENAME TO signal_changes").run();
    await bury(house, told);
    expect(await signalsOf(house, KIND)).toHaveLength(1);
  });
});
