/** Leases of events, and what becomes of those that are lost, on a clock that the test moves. */
import { describe, expect, it } from "vitest";
import { EventError } from "../../../src/features/webhooks/handling.ts";
import { presentDetail } from "../../../src/features/webhooks/webhooks.present.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
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

  it("that is lost is no fault of the event's: of three it suffers nothing", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const id = await house.accept("evt");
    for (let lost = 0; lost < 3; lost++) {
      await house.drain(dying);
      clock.pass(MINUTE);
    }
    await house.drain(fine);
    expect(await house.event(id)).toMatchObject({ status: "completed", attempts: 4 });
  });

  it("that is lost takes no attempt from those that may fail", async () => {
    const house = await quietHouse({ max_attempts: 2 });
    const id = await house.accept("evt");
    const left: unknown[] = [];
    for (const how of [dying, failing, dying, failing]) {
      await house.drain(how);
      clock.pass(MINUTE);
      const { status, attemptsLeft } = await house.event(id);
      left.push([status, attemptsLeft]);
    }
    expect(left).toEqual([
      ["processing", 2],
      ["failed", 1],
      ["processing", 1],
      ["dead_letter", 0],
    ]);
  });

  it.each([1, 2])(
    "that is lost each time, %d and three times more, is the last, and the last word says so",
    async (max_attempts) => {
      const house = await quietHouse({ max_attempts });
      const id = await house.accept("evt");
      for (let attempt = 1; attempt <= max_attempts + 3; attempt++) {
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
      expect(shown).toEqual([...Array(max_attempts + 3).fill("lost"), "failed"]);
    },
  );

  it("that was lost twice is taken with no other such, and worked on last", async () => {
    const house = await quietHouse({ max_attempts: 20 });
    const suspects = await acceptMany(house, clock, 3);
    for (let lost = 0; lost < 2; lost++) {
      await house.drain(dying);
      clock.pass(MINUTE);
    }
    const others = await acceptMany(house, clock, 2, "other");
    const order: string[] = [];
    const noting = handling(async (_, { id }) => {
      order.push(id);
      return NOTHING;
    });
    await house.drain(noting);
    expect(order).toEqual([...others, suspects[0]]);
    await house.drain(noting, { again: true });
    await house.drain(noting, { again: true });
    expect(order.slice(3)).toEqual(suspects.slice(1));
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

describe("a consumer that runs out of time", () => {
  /** Each event takes so long. */
  const slow = (seconds: number) =>
    handling(async () => {
      clock.pass(seconds * SECOND);
      return NOTHING;
    });

  it("begins nothing after 30 seconds, gives back the rest as it was, and rings for it", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 5);
    await house.drain(slow(10));
    const [done, rest] = [ids.slice(0, 3), ids.slice(3)];
    expect(await statusOf(house, done)).toEqual(["completed", "completed", "completed"]);
    for (const id of rest) {
      expect(await house.event(id)).toMatchObject({
        status: "pending",
        attempts: 0,
        attemptsLeft: 8,
        lease: null,
      });
      expect((await house.event(id)).dueAt?.getTime()).toBeLessThanOrEqual(Date.now());
      expect(await house.attempts(id)).toEqual([]);
    }
    // Nothing else was due when it took them, so its chain had ended: any bell takes them.
    expect(rung(house)).toEqual([[DRAIN, {}, 0]]);
    await house.drain(fine);
    expect(await statusOf(house, rest)).toEqual(["completed", "completed"]);
    expect(await house.event(rest[0] ?? "")).toMatchObject({ attempts: 1 });
  });

  it("goes on with its chain, where there is one", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 26);
    await house.drain(slow(10));
    expect(rung(house)).toEqual([[DRAIN, { again: "token" }, 0]]);
    await house.drain(fine, { again: true });
    expect(new Set(await statusOf(house, ids.slice(0, 3)))).toEqual(new Set(["completed"]));
    const pending = (await statusOf(house, ids)).filter((status) => status === "pending");
    expect(pending.length).toBe(0);
  });

  it("gives back nothing that is another's by now", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 2);
    const overtaken = handling(async () => {
      clock.pass(MINUTE);
      await house.drain(dying);
      return NOTHING;
    });
    await house.drain(overtaken);
    for (const id of ids) {
      expect(await house.event(id)).toMatchObject({ status: "processing", attempts: 2 });
      expect(await house.attempts(id)).toHaveLength(2);
    }
  });

  it("that cannot give back leaves it to the end of the lease, and rings", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 2);
    await house.database.exec(
      "CREATE TRIGGER no_giving_back BEFORE DELETE ON webhook_attempts BEGIN SELECT RAISE(ABORT, 'no'); END",
    );
    const { entries } = await captureLogs(() => house.drain(slow(30)));
    expect(entries.map(({ message }) => message)).toContain("webhooks not given back");
    expect(await statusOf(house, ids)).toEqual(["completed", "processing"]);
    expect(rung(house)).toEqual([[DRAIN, {}, 0]]);
    clock.pass(MINUTE);
    await house.drain(fine);
    expect(await statusOf(house, ids)).toEqual(["completed", "completed"]);
  });
});
