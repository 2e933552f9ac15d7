/** Processing, doorbell by doorbell, on a clock that the test moves. */
import { describe, expect, it } from "vitest";
import { EventError } from "../../../src/features/webhooks/handling.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { newOperator, PLATFORM_ORIGIN } from "../../support/client.ts";
import { HOUR, MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { addUser } from "../../support/commit-steps.ts";
import type { Trip } from "../../support/d1.ts";
import { acceptMany, DRAIN, failing, fine, rung, statusOf } from "../../support/drains.ts";
import { handling, NOTHING, type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { wrapAll } from "../../support/worker.ts";

const clock = standingClock({ between: MINUTE });

describe("an event that fails", () => {
  it("is tried again after random parts of pauses that double, up to an hour", async () => {
    const house = await quietHouse({ max_attempts: 12 });
    const id = await house.accept("evt");
    const started = Date.now();
    expect(rung(house)).toEqual([[DRAIN, {}, 0]]);
    const pauses: number[] = [];
    for (let attempt = 1; attempt < 12; attempt++) {
      await house.drain(failing);
      const event = await house.event(id);
      expect(event).toMatchObject({ status: "failed", attempts: attempt, endedAt: null });
      expect(event.lastError).toBe("It is not to be.");
      const pause = (event.dueAt?.getTime() ?? 0) - Date.now();
      pauses.push(pause / SECOND);
      expect(rung(house)).toEqual([[DRAIN, {}, pause / SECOND]]);
      // A moment too early there is nothing to do.
      clock.pass(pause - 1);
      await house.drain(failing);
      expect((await house.event(id)).attempts).toBe(attempt);
      clock.pass(1);
    }
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1_280, 1_800, 1_800]);
    house.sent();
    await house.drain(failing);
    expect(await house.event(id)).toMatchObject({
      status: "dead_letter",
      attempts: 12,
      dueAt: null,
      lease: null,
      lastError: "It is not to be.",
      endedAt: new Date(),
      toldAt: new Date(),
      buriedAt: null,
    });
    expect(rung(house)).toEqual([["dead-letters webhooks.dead_letter", { item: id }, 0]]);
    clock.pass(HOUR);
    await house.drain(fine);
    expect((await house.event(id)).status).toBe("dead_letter");
    const log = await house.attempts(id);
    expect(log.map(({ number }) => number)).toEqual(Array.from({ length: 12 }, (_, at) => at + 1));
    expect(log[0]).toMatchObject({
      startedAt: new Date(started),
      endedAt: new Date(started),
      outcome: "failed",
      error: "It is not to be.",
    });
  });

  it.each([
    [0, 0],
    [0.25, 2.5],
    [0.999, 9.99],
  ])("waits for its own part of the pause: of a random %d, %d s", async (random, seconds) => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    house.sent();
    await house.drain({ ...failing, random: () => random });
    expect((await house.event(id)).dueAt).toEqual(new Date(Date.now() + seconds * SECOND));
    // A bell never rings before what it is for.
    expect(rung(house)).toEqual([[DRAIN, {}, Math.ceil(seconds)]]);
  });

  it("has one bell with others that failed with it, for the first of them", async () => {
    const house = await quietHouse();
    await acceptMany(house, clock, 3);
    const parts = [0.9, 0.3, 0.6];
    await house.drain({ ...failing, random: () => parts.shift() ?? 1 });
    expect(rung(house)).toEqual([[DRAIN, {}, 3]]);
  });

  it("has one bell, however many drains end while it waits", async () => {
    const house = await quietHouse();
    await house.accept("bad");
    await house.drain(failing);
    expect(rung(house)).toEqual([
      [DRAIN, {}, 0],
      [DRAIN, {}, 5],
    ]);
    for (let nth = 0; nth < 10; nth++) {
      await acceptMany(house, clock, 1, `good-${nth}`);
      await house.drain(fine);
    }
    expect(rung(house)).toEqual([]);
    // One that is to be tried sooner has a bell of its own.
    await acceptMany(house, clock, 1, "soon");
    await house.drain({ ...failing, random: () => 0.2 });
    expect(rung(house)).toEqual([[DRAIN, {}, 2]]);
    // When that has rung, the next is rung for.
    clock.pass(2 * SECOND);
    await house.drain(fine);
    expect(rung(house)).toEqual([[DRAIN, {}, 3]]);
    clock.pass(3 * SECOND);
    await house.drain(fine);
    expect(rung(house)).toEqual([]);
    const waiting = "SELECT count(*) AS count FROM webhook_events WHERE due_at IS NOT NULL";
    expect(await house.database.prepare(waiting).first()).toEqual({ count: 0 });
  });

  it("succeeds when its cause is gone, and says no more that it failed", async () => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    await house.drain(failing);
    clock.pass(5 * SECOND);
    await house.drain(fine);
    expect(await house.event(id)).toMatchObject({
      status: "completed",
      attempts: 2,
      lastError: null,
      dueAt: null,
      endedAt: new Date(),
    });
    const outcomes = (await house.attempts(id)).map(({ outcome, error }) => [outcome, error]);
    expect(outcomes).toEqual([
      ["failed", "It is not to be."],
      ["completed", null],
    ]);
  });

  it.each([
    ["an EventError, in its words", new EventError("No such order."), "No such order."],
    ["a Failure, in its words", new Failure("conflict"), "The resource changed meanwhile"],
    ["as much as is kept", new EventError("x".repeat(501)), "x".repeat(500)],
    [
      "nothing of the unexpected",
      new TypeError("order is null"),
      "Something went wrong on our side",
    ],
    ["nothing of what is no error", "thrown text", "Something went wrong on our side"],
  ])("tells %s", async (_, thrown, told) => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    const throwing = handling(() => Promise.reject(thrown));
    const { lines } = await captureLogs(() => house.drain(throwing));
    expect((await house.event(id)).lastError).toBe(told);
    expect((await house.attempts(id))[0]?.error).toBe(told);
    const said = lines.find((line) => line.includes("webhook attempt failed"));
    // A handler's own words may repeat the payload: the log has none of them.
    if (thrown instanceof EventError) expect(said).not.toContain(thrown.message);
    else expect(said).toContain(thrown instanceof Error ? thrown.message : String(thrown));
  });

  it("holds up nobody: neither by what it throws nor by what it would change", async () => {
    const house = await quietHouse();
    const ids = await acceptMany(house, clock, 5);
    const admin = house.tenant.admin.email;
    const poisonous = handling(async (_, { id }) => {
      if (id === ids[1]) throw new Error("poison");
      // A step that the database refuses: the address is taken.
      if (id === ids[3]) return { steps: [addUser(admin)], audit: [] };
      return NOTHING;
    });
    await house.drain(poisonous);
    const seen = await statusOf(house, ids);
    expect(seen).toEqual(["completed", "failed", "completed", "failed", "completed"]);
  });

  it("whose payload is gone says so", async () => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    await house.database.prepare("DELETE FROM webhook_payloads").run();
    await house.drain(fine);
    expect(await house.event(id)).toMatchObject({
      status: "failed",
      lastError: "The payload is not kept any more.",
    });
  });
});

describe("a doorbell", () => {
  it("that cannot be rung stops nothing", async () => {
    const house = await quietHouse({ max_attempts: 2 });
    house.breakQueues("Queue is down");
    const ids = await acceptMany(house, clock, 26);
    const { entries } = await captureLogs(() => house.drain(failing));
    const warned = entries.filter(({ message }) => message === "doorbell not rung");
    expect(warned).toHaveLength(2);
    house.breakQueues(null);
    clock.pass(MINUTE);
    await house.drain(fine);
    await house.drain(fine, { again: true });
    expect(new Set(await statusOf(house, ids))).toEqual(new Set(["completed"]));
  });

  it("finds nothing to do at a suspended tenant's: its events are held until it is active", async () => {
    const house = await quietHouse();
    const operator = await newOperator();
    const move = async (change: string) => {
      const url = `${PLATFORM_ORIGIN}/api/v1/tenants/${house.tenant.id}/${change}`;
      const reply = await house.worker.call("POST", url, { token: operator.token });
      expect(reply.status, reply.text).toBe(200);
    };
    const before = await house.accept("before");
    await move("suspend");
    const during = await house.accept("during");
    house.sent();
    await house.drain(fine);
    expect(await statusOf(house, [before, during])).toEqual(["pending", "pending"]);
    expect((await house.event(before)).attempts).toBe(0);
    await move("activate");
    expect(rung(house)).toEqual([
      [DRAIN, {}, 0],
      ["deliveries destinations.deliver", {}, 0],
    ]);
    await house.drain(fine);
    expect(await statusOf(house, [before, during])).toEqual(["completed", "completed"]);
  });

  it("for nothing writes nothing, but for a heartbeat an hour", async () => {
    const house = await quietHouse();
    const beats: string[][] = [];
    const trips: Trip[] = [];
    const looks = async () => house.database.prepare("SELECT seen_at FROM webhook_drain").first();
    await house.drain(fine);
    expect(await looks()).toBeNull();
    await house.accept("evt");
    await house.drain(fine);
    const counting = wrapAll(() => async (trip, run) => {
      trips.push(trip);
      return run();
    });
    const { drain } = await import("../../../src/features/webhooks/drain.service.ts");
    for (const pause of [HOUR, HOUR - 1, 1]) {
      clock.pass(pause);
      const ctx = await house.ctx(counting);
      trips.length = 0;
      await drain(ctx, {});
      beats.push(trips.map(({ kind }) => kind));
    }
    expect(beats).toEqual([["read", "batch"], ["read"], ["read", "batch"]]);
    expect(await looks()).toEqual({ seen_at: Date.now() });
    const actions = await house.actions();
    expect(actions.filter((action) => action === "webhook.consumer_seen")).toHaveLength(2);
  });
});

describe("a payload", () => {
  /** What the handler was given. */
  async function handled(house: QuietHouse, body: string | Uint8Array, contentType?: string) {
    const reply = await house.post(body, contentType);
    expect(reply.status, reply.text).toBe(202);
    let payload: unknown = "never called";
    await house.drain(
      handling(async (_, event) => {
        payload = event.payload;
        return NOTHING;
      }),
    );
    expect((await house.event(reply.json.event_id)).status).toBe("completed");
    return payload;
  }

  it.each([65_535, 65_536, 65_537, 1_048_576])("of %d bytes reaches its handler", async (size) => {
    const house = await quietHouse();
    const around = JSON.stringify({ text: "" }).length;
    const text = "ä".repeat((size - around) / 2) + "x".repeat((size - around) % 2);
    expect(await handled(house, JSON.stringify({ text }))).toEqual({ text });
  });

  it("that a stricter release would turn away is handled: it was accepted", async () => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    const kept = `{"a":1,"a":2,"deep":${"[".repeat(100)}${"]".repeat(100)}}`;
    await house.database.prepare("UPDATE webhook_payloads SET text = ?").bind(kept).run();
    let payload: unknown;
    await house.drain(
      handling(async (_, event) => {
        payload = event.payload;
        return NOTHING;
      }),
    );
    expect((await house.event(id)).status).toBe("completed");
    expect(payload).toMatchObject({ a: 2 });
  });

  it("that is a form reaches it as fields, the first of each name", async () => {
    const house = await quietHouse();
    const form = "application/x-www-form-urlencoded; charset=utf-8";
    expect(await handled(house, "a=1&b=%C3%A4&a=2", form)).toEqual({ a: "1", b: "ä" });
  });

  it.each([
    ["bytes that are no text", [0x62, 0x3d, 0xff, 0xfe], undefined, "bytes"],
    ["bytes with a mark before them", [0xef, 0xbb, 0xbf, 0x61, 0x3d, 0x31], undefined, "text"],
    ["a zero byte", [0x61, 0x3d, 0x00], { a: "\u0000" }, "text"],
  ])("of a form, %s, reaches it or is known to be unreadable", async (_, body, read, kept) => {
    const house = await quietHouse();
    const form = "application/x-www-form-urlencoded";
    expect(await handled(house, new Uint8Array(body), form)).toEqual(read);
    const { results } = await house.database
      .prepare("SELECT text IS NULL AS in_bytes FROM webhook_payloads")
      .all();
    expect(results).toEqual([{ in_bytes: kept === "bytes" ? 1 : 0 }]);
  });
});

describe("a drain's budget", () => {
  it("is one trip an event and four for all; who is active is said once an hour", async () => {
    const house = await quietHouse();
    const trips: { binding: string; kind: string }[] = [];
    const counting = wrapAll((binding) => async ({ kind }, run) => {
      trips.push({ binding: binding === "CONTROL_DB" ? "control" : "tenant", kind });
      return run();
    });
    const { drain } = await import("../../../src/features/webhooks/drain.service.ts");
    const counted: unknown[] = [];
    for (const events of [3, 10]) {
      await acceptMany(house, clock, events, `budget-${events}`);
      const ctx = await house.ctx(counting);
      trips.length = 0;
      await drain(ctx, {}, { ...fine, random: () => 0 });
      counted.push(
        ["tenant", "control"].map((name) => trips.filter((t) => t.binding === name).length),
      );
    }
    expect(counted).toEqual([
      [4 + 3, 1],
      [4 + 10, 0],
    ]);
  });
});
