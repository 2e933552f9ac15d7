/** Dead letters that stand, compared with the signals that tell of them. */
import { describe, expect, it } from "vitest";
import { reviewDeadLetters } from "../../../src/features/integrations/review.service.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { failing } from "../../support/drains.ts";
import { bring } from "../../support/queue-batches.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { changesOf, resolveByHand, signalsOf } from "../../support/signal-rows.ts";
import { wrapAll } from "../../support/worker.ts";

const KIND = "webhook.dead_letter";
const clock = standingClock({ between: MINUTE });

const review = async (house: QuietHouse, changes = {}) =>
  reviewDeadLetters(await house.ctx(changes));
const standing = async (house: QuietHouse) =>
  (await signalsOf(house, KIND)).map(({ status, resolved_by }) => [status, resolved_by]);

/** Has an event fail for good; its message waits where it is not buried. */
async function die(house: QuietHouse, name: string, { buried = true } = {}): Promise<string> {
  const id = await house.accept(name);
  house.sent();
  await house.drain(failing);
  const bodies = house.sent().flatMap(({ queue, body }) => (queue === "dead-letters" ? body : []));
  if (buried) await bring("dead-letters", bodies, { env: house.worker.env });
  return id;
}
/** As if it had died before there were signals. */
async function forget(house: QuietHouse): Promise<void> {
  await house.database.batch(
    ["signal_changes", "signals"].map((table) => house.database.prepare(`DELETE FROM ${table}`)),
  );
}
/** Dead letters of services that were long ago. */
async function copyTo(house: QuietHouse, id: string, services: readonly string[]): Promise<void> {
  await house.database
    .prepare(
      `INSERT INTO webhook_events (id, service, type, dedupe_key, conflicting, test, status, replay,
          attempts, attempts_left, max_attempts, last_error, size, received_at, ended_at, buried_at)
        SELECT id || other, other, type, dedupe_key, 0, 0, status, 0,
          attempts, 0, 1, last_error, size, received_at, ended_at, buried_at
        FROM webhook_events, (SELECT value AS other FROM json_each(?)) WHERE id = ?`,
    )
    .bind(JSON.stringify(services), id)
    .run();
}

describe("a review of dead letters", () => {
  it("raises for a service of whose dead letters nobody was told, once", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    await die(house, "older");
    clock.pass(SECOND);
    const newest = await die(house, "newest");
    const diedAt = Date.now();
    await forget(house);
    clock.pass(MINUTE);
    await Promise.all([review(house), review(house)]);
    await review(house);
    const [signal, ...others] = await signalsOf(house, KIND);
    expect(others).toEqual([]);
    expect(signal).toMatchObject({
      source: "webhook",
      status: "open",
      occurrences: 1,
      dedupe_key: `webhook:${house.service.slug}`,
      description: expect.stringContaining(newest),
      last_seen_at: diedAt,
    });
    // The next death is counted there.
    await die(house, "third");
    expect(await signalsOf(house, KIND)).toMatchObject([{ occurrences: 2 }]);
  });

  it("leaves resolved what somebody has resolved, until another dies", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    await die(house, "one");
    const [signal] = await signalsOf(house, KIND);
    clock.pass(SECOND);
    await resolveByHand(house, signal?.id ?? "", Date.now());
    await review(house);
    expect(await standing(house)).toEqual([["resolved", null]]);
    clock.pass(SECOND);
    await die(house, "two");
    // As if its own signal had been missed.
    await house.database.prepare("DELETE FROM signal_changes").run();
    await house.database.prepare("DELETE FROM signals WHERE status = 'open'").run();
    await review(house);
    expect(await standing(house)).toEqual([
      ["resolved", null],
      ["open", null],
    ]);
  });

  it.each<[string, (house: QuietHouse, id: string) => Promise<unknown>]>([
    ["replayed", (house, id) => house.ask("POST", `/webhooks/events/${id}/replay`)],
    [
      "archived",
      ({ database }, id) =>
        database
          .prepare("UPDATE webhook_events SET status = 'archived' WHERE id = ?")
          .bind(id)
          .run(),
    ],
  ])("resolves where all were %s, and not before", async (_, end) => {
    const house = await quietHouse({ max_attempts: 1 });
    const dead = [await die(house, "one"), await die(house, "two")];
    const [signal] = await signalsOf(house, KIND);
    await end(house, dead[0] ?? "");
    await review(house);
    expect(await standing(house)).toEqual([["open", null]]);
    await end(house, dead[1] ?? "");
    await review(house);
    await review(house);
    expect(await standing(house)).toEqual([["resolved", "recovery"]]);
    expect(await changesOf(house, signal?.id ?? "")).toEqual(["opened", "resolved"]);
  });

  it("leaves to its burial what is not buried yet", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const first = await die(house, "first");
    await house.ask("POST", `/webhooks/events/${first}/replay`);
    await house.drain(failing);
    await house.database.prepare("UPDATE webhook_events SET buried_at = NULL").run();
    await review(house);
    expect(await standing(house)).toEqual([["open", null]]);
    await forget(house);
    await review(house);
    expect(await standing(house)).toEqual([]);
  });

  it("does not resolve what died while it looked", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const id = await die(house, "one");
    const set = (status: string) =>
      house.database
        .prepare("UPDATE webhook_events SET status = ? WHERE id = ?")
        .bind(status, id)
        .run();
    await set("archived");
    const dying = wrapAll(() => async (trip, run) => {
      if (trip.kind === "batch") await set("dead_letter");
      return run();
    });
    await review(house, dying);
    expect(await standing(house)).toEqual([["open", null]]);
    await set("archived");
    await review(house);
    expect(await standing(house)).toEqual([["resolved", "recovery"]]);
  });

  it("tells of 20 services a visit, those that somebody has resolved aside", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const id = await die(house, "one");
    const [signal] = await signalsOf(house, KIND);
    await resolveByHand(house, signal?.id ?? "", Date.now() + 1);
    const names = Array.from({ length: 25 }, (_, nth) => `${nth % 2 ? "a" : "z"}-${nth}`);
    await copyTo(house, id, names);
    const told = async () =>
      (await signalsOf(house, KIND)).filter(({ status }) => status === "open").length;
    await review(house);
    expect(await told()).toBe(20);
    await review(house);
    expect(await told()).toBe(25);
  });

  it("is one read where all is told, and where nothing has died", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const trips: string[] = [];
    const watched = wrapAll(() => async (trip, run) => {
      trips.push(trip.kind);
      return run();
    });
    const cost = async () => {
      const ctx = await house.ctx(watched);
      trips.length = 0;
      await reviewDeadLetters(ctx);
      return trips;
    };
    expect(await cost()).toEqual(["read"]);
    await die(house, "one");
    expect(await cost()).toEqual(["read"]);
    const [signal] = await signalsOf(house, KIND);
    clock.pass(SECOND);
    await resolveByHand(house, signal?.id ?? "", Date.now());
    expect(await cost()).toEqual(["read"]);
  });
});
