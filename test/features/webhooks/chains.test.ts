/** Chains of doorbells, and what each bell takes, on a clock that the test moves. */
import { describe, expect, it } from "vitest";
import { drain } from "../../../src/features/webhooks/drain.service.ts";
import { MINUTE, standingClock } from "../../support/clock.ts";
import { acceptMany, DRAIN, dying, failing, fine, rung, statusOf } from "../../support/drains.ts";
import { handling, NOTHING, type QuietHouse, quietHouse } from "../../support/quiet-house.ts";

const clock = standingClock({ between: MINUTE });

describe("a chain of doorbells", () => {
  it("takes 25 events at a time, the longest due first, and rings for the rest", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 27);
    await house.drain(fine);
    const done = Array.from({ length: 25 }, () => "completed");
    expect(await statusOf(house, ids)).toEqual([...done, "pending", "pending"]);
    expect(rung(house)).toEqual([[DRAIN, { again: "token" }, 0]]);
    await house.drain(fine, { again: true });
    expect(await statusOf(house, ids)).toEqual([...done, "completed", "completed"]);
    expect(rung(house)).toEqual([]);
  });

  it("makes other doorbells needless while it lives, and ends when nothing is due", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 27);
    await house.drain(fine);
    house.sent();
    for (let bells = 0; bells < 3; bells++) await house.drain(fine);
    expect((await statusOf(house, ids)).slice(25)).toEqual(["pending", "pending"]);
    expect(rung(house)).toEqual([]);
    await house.drain(fine, { again: true });
    const late = await house.accept("late");
    await house.drain(fine);
    expect((await house.event(late)).status).toBe("completed");
  });

  it("whose next bell was lost is taken up by another after a minute", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 27);
    await house.drain(fine);
    clock.pass(MINUTE - 1);
    await house.drain(fine);
    expect((await statusOf(house, ids)).at(-1)).toBe("pending");
    clock.pass(1);
    await house.drain(fine);
    expect((await statusOf(house, ids)).at(-1)).toBe("completed");
  });

  it("is one, however many bells begin it at once", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 30);
    await Promise.all(Array.from({ length: 4 }, () => house.drain(fine)));
    const done = (await statusOf(house, ids)).filter((status) => status === "completed");
    expect(done).toHaveLength(25);
    expect(rung(house)).toEqual([[DRAIN, { again: "token" }, 0]]);
  });

  it("takes what is new before replays, of which five are in flight at most", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const dead = await acceptMany(house, clock, 7);
    await house.drain(failing);
    const replay = await house.ask("POST", "/webhooks/dead-letters/replay", {});
    expect(replay.json).toEqual({ matched: 7, replayed: 7, more: false });
    const live = await house.accept("live");
    house.sent();
    const order: string[] = [];
    const noting = handling(async (_, { id }) => {
      order.push(id);
      return NOTHING;
    });
    await house.drain(noting);
    expect(order).toEqual([live, ...dead.slice(0, 5)]);
    expect(rung(house)).toEqual([[DRAIN, { again: "token" }, 0]]);
    await house.drain(dying, { again: true });
    expect((await statusOf(house, dead)).slice(5)).toEqual(["processing", "processing"]);
  });

  it("that can take nothing, because others have it, comes again after a pause", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const dead = await acceptMany(house, clock, 6);
    await house.drain(failing);
    await house.ask("POST", "/webhooks/dead-letters/replay", {});
    await house.drain(dying);
    house.sent();
    await house.drain(fine, { again: true });
    expect((await house.event(dead[5] ?? "")).status).toBe("pending");
    expect(rung(house)).toEqual([[DRAIN, { again: "token" }, 5]]);
  });

  it("is one, though its bell came twice, at once or later", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 80);
    const completed = async () =>
      (await statusOf(house, ids)).filter((status) => status === "completed").length;
    await house.drain(fine);
    const first = await house.chain();
    const twice = () => drainWith(house, first);
    await Promise.all([twice(), twice()]);
    expect(await completed()).toBe(50);
    expect(await house.chain()).not.toBe(first);
    await twice();
    expect(await completed()).toBe(50);
    // One bell for each that took something.
    expect(rung(house)).toHaveLength(2);
  });

  it("has no token when it has ended, and a bell of an old one is like any other", async () => {
    const house = await quietHouse();
    await acceptMany(house, clock, 26);
    await house.drain(fine);
    const old = await house.chain();
    await house.drain(fine, { again: true });
    expect(await house.chain()).toBeUndefined();
    const [late] = await acceptMany(house, clock, 1, "late");
    await drainWith(house, old);
    expect((await house.event(late ?? "")).status).toBe("completed");
  });

  it("that outlived its trust gives way to the one that took its place", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 60);
    await house.drain(fine);
    const old = await house.chain();
    clock.pass(MINUTE);
    await house.drain(fine);
    house.sent();
    await drainWith(house, old);
    expect((await statusOf(house, ids)).filter((status) => status === "pending")).toHaveLength(10);
    expect(rung(house)).toEqual([]);
  });

  it("rings no bell of its own when another took its place while it worked", async () => {
    const house = await quietHouse();
    await acceptMany(house, clock, 60);
    let slow = true;
    const overtaken = handling(async () => {
      if (slow) {
        slow = false;
        clock.pass(MINUTE);
        await house.drain(dying);
        house.sent();
      }
      return NOTHING;
    });
    await house.drain(overtaken);
    // For what it gave back, in case that the other has ended.
    expect(rung(house)).toEqual([[DRAIN, {}, 0]]);
  });
});

describe("one doorbell", () => {
  const SIZES = [900_000, 900_000, 900_000, 10, 10];
  const bodyOf = (size: number, nth: number) => JSON.stringify({ nth, text: "x".repeat(size) });
  async function acceptSizes(house: QuietHouse, sizes: readonly number[]): Promise<string[]> {
    const ids: string[] = [];
    for (const [nth, size] of sizes.entries()) {
      const reply = await house.post(bodyOf(size, nth));
      expect(reply.status, reply.text).toBe(202);
      ids.push(reply.json.event_id);
      clock.pass(1);
    }
    house.sent();
    return ids;
  }

  it("takes 2 MiB of payloads at most, in their order, and rings for the rest", async () => {
    const house = await quietHouse();
    const ids = await acceptSizes(house, SIZES);
    await house.drain(fine);
    expect(await statusOf(house, ids)).toEqual([
      ...["completed", "completed"],
      ...["pending", "pending", "pending"],
    ]);
    expect(rung(house)).toEqual([[DRAIN, { again: "token" }, 0]]);
    await house.drain(fine, { again: true });
    expect(new Set(await statusOf(house, ids))).toEqual(new Set(["completed"]));
  });

  it("takes one event at least, whatever its size, and live events and replays together no more", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const dead = await acceptSizes(house, SIZES.slice(0, 2));
    await house.drain(failing);
    await house.ask("POST", "/webhooks/dead-letters/replay", {});
    const [live = ""] = await acceptSizes(house, [950_000]);
    await house.database
      .prepare("UPDATE webhook_events SET size = 3e6 WHERE id = ?")
      .bind(live)
      .run();
    await house.drain(fine);
    expect(await statusOf(house, [live, ...dead])).toEqual(["completed", "pending", "pending"]);
    await house.drain(fine, { again: true });
    expect(await statusOf(house, dead)).toEqual(["completed", "completed"]);
  });
});

/** A consumer whose doorbell has this token. */
async function drainWith(house: QuietHouse, again: string | undefined): Promise<void> {
  await drain(await house.ctx(), { again }, { ...fine, random: () => 0.5 });
}
