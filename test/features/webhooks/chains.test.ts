/** Leases and chains of doorbells, on a clock that the test moves. */
import { describe, expect, it } from "vitest";
import { EventError } from "../../../src/features/webhooks/handling.ts";
import { presentDetail } from "../../../src/features/webhooks/webhooks.present.ts";
import { MINUTE, standingClock } from "../../support/clock.ts";
import { addUser } from "../../support/commit-steps.ts";
import { acceptMany, DRAIN, dying, failing, fine, rung, statusOf } from "../../support/drains.ts";
import { handling, NOTHING, quietHouse } from "../../support/quiet-house.ts";

const clock = standingClock({ between: MINUTE });

describe("a lease", () => {
  it("that another consumer took over changes nothing any more", async () => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    const record = (email: string) => ({ steps: [addUser(email)], audit: [{ action: "a.done" }] });
    const slow = handling(async () => {
      clock.pass(MINUTE);
      await house.drain(handling(async () => record("second@tenant.test")));
      return record("first@tenant.test");
    });
    await house.drain(slow);
    expect(await house.event(id)).toMatchObject({ status: "completed", attempts: 2 });
    const { results } = await house.database
      .prepare("SELECT email FROM users WHERE email LIKE '%@tenant.test'")
      .all();
    expect(results).toEqual([{ email: "second@tenant.test" }]);
    const actions = await house.actions();
    expect(actions.filter((action) => action === "a.done")).toHaveLength(1);
    expect(actions.filter((action) => action === "webhook.completed")).toHaveLength(1);
    expect((await house.attempts(id)).map(({ outcome }) => outcome)).toEqual([null, "completed"]);
  });

  it("that another consumer took over fails nothing either", async () => {
    const house = await quietHouse({ max_attempts: 2 });
    const id = await house.accept("evt");
    const slow = handling(async () => {
      clock.pass(MINUTE);
      await house.drain(fine);
      throw new EventError("too late");
    });
    await house.drain(slow);
    expect(await house.event(id)).toMatchObject({ status: "completed", lastError: null });
    expect(await house.actions(id)).toEqual(["webhook.accepted", "webhook.completed"]);
  });

  it("that nobody ended holds its event for a minute, then it is tried again", async () => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    await house.drain(dying);
    expect(await house.event(id)).toMatchObject({ status: "processing", lastError: null });
    clock.pass(MINUTE - 1);
    await house.drain(fine);
    expect(await house.event(id)).toMatchObject({ status: "processing", attempts: 1 });
    clock.pass(1);
    await house.drain(fine);
    expect(await house.event(id)).toMatchObject({ status: "completed", attempts: 2 });
  });

  it("that is lost each time uses up the attempts, and the last word says so", async () => {
    const house = await quietHouse({ max_attempts: 2 });
    const id = await house.accept("evt");
    for (let attempt = 1; attempt <= 2; attempt++) {
      await house.drain(dying);
      clock.pass(MINUTE);
    }
    let called = false;
    await house.drain(
      handling(async () => {
        called = true;
        return NOTHING;
      }),
    );
    expect(called).toBe(false);
    expect(await house.event(id)).toMatchObject({
      status: "dead_letter",
      lastError: "The last attempt began and never ended.",
    });
    const { json } = await house.ask("GET", `/webhooks/events/${id}`);
    const shown = json.attempt_log.map(({ outcome }: { outcome: string }) => outcome);
    expect(shown).toEqual(["lost", "lost", "failed"]);
  });

  it("shows as running while it is held", async () => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    await house.drain(dying);
    clock.pass(MINUTE);
    let during: unknown;
    const looking = handling(async () => {
      const [event, attempts] = await Promise.all([house.event(id), house.attempts(id)]);
      during = presentDetail({ event, attempts, payload: null });
      return NOTHING;
    });
    await house.drain(looking);
    expect(during).toMatchObject({
      status: "processing",
      attempts: 2,
      attempt_log: [
        { number: 1, outcome: "lost", ended_at: null, error: null },
        { number: 2, outcome: "running", ended_at: null, started_at: new Date().toISOString() },
      ],
    });
  });
});

describe("a chain of doorbells", () => {
  it("takes 25 events at a time, the longest due first, and rings for the rest", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 27);
    await house.drain(fine);
    const done = Array.from({ length: 25 }, () => "completed");
    expect(await statusOf(house, ids)).toEqual([...done, "pending", "pending"]);
    expect(rung(house)).toEqual([[DRAIN, { again: true }, 0]]);
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
    expect(rung(house)).toEqual([[DRAIN, { again: true }, 0]]);
  });

  it("takes what is new before replays, of which five are in flight at most", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const dead = await acceptMany(house, clock, 7);
    await house.drain(failing);
    const replay = await house.ask("POST", "/webhooks/dead-letters/replay", {});
    expect(replay.json).toEqual({ matched: 7, replayed: 7 });
    const live = await house.accept("live");
    house.sent();
    const order: string[] = [];
    const noting = handling(async (_, { id }) => {
      order.push(id);
      return NOTHING;
    });
    await house.drain(noting);
    expect(order).toEqual([live, ...dead.slice(0, 5)]);
    expect(rung(house)).toEqual([[DRAIN, { again: true }, 0]]);
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
    expect(rung(house)).toEqual([[DRAIN, { again: true }, 5]]);
  });
});
