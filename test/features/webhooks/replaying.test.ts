/** Failed events that are tried once more, one by one or many at a time. */
import { beforeAll, describe, expect, it } from "vitest";
import { EventError } from "../../../src/features/webhooks/handling.ts";
import { problemOf } from "../../support/client.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { handling, NOTHING, type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { addService, eventOf, type TestService } from "../../support/webhooks.ts";

const clock = standingClock({ between: SECOND });

const fine = handling(async () => NOTHING);
const failing = handling(async () => {
  throw new EventError("It is not to be.");
});
/** An id that nothing has. */
const UNKNOWN = "whevent_01jdn2z7q5e8t9v0w1x2y3z4a5";

describe("replaying", () => {
  let house: QuietHouse;
  beforeAll(async () => {
    house = await quietHouse({ max_attempts: 1 });
  });
  const replay = (id: string, headers: Record<string, string> = {}) =>
    house.worker.call("POST", `${house.tenant.api}/webhooks/events/${id}/replay`, {
      token: house.tenant.admin.token,
      headers,
    });
  const dead = async (id: string) => {
    const event = await house.accept(id);
    await house.drain(failing);
    house.sent();
    return event;
  };

  it("makes a dead letter due at once, with all its attempts, and rings", async () => {
    const id = await dead("dead");
    const reply = await replay(id);
    expect([reply.status, reply.json]).toEqual([
      202,
      expect.objectContaining({
        id,
        status: "pending",
        replay: true,
        attempts: 1,
        last_error: "It is not to be.",
        ended_at: null,
        next_attempt_at: null,
      }),
    ]);
    expect(house.sent()).toMatchObject([{ queue: "doorbells", body: { job: "webhooks.drain" } }]);
    expect(await house.event(id)).toMatchObject({ attemptsLeft: 1, replay: true, buriedAt: null });
    await house.drain(fine);
    expect(await house.event(id)).toMatchObject({ status: "completed", attempts: 2 });
    expect((await house.actions(id)).slice(-2)).toEqual(["webhook.replayed", "webhook.completed"]);
  });

  it("takes one that waits to be tried again before its time", async () => {
    const patient = await quietHouse({ max_attempts: 3 });
    const id = await patient.accept("failed");
    await patient.drain(failing);
    const reply = await patient.ask("POST", `/webhooks/events/${id}/replay`);
    expect(reply.status).toBe(202);
    expect(await patient.event(id)).toMatchObject({ status: "pending", attemptsLeft: 3 });
    await patient.drain(fine);
    expect((await patient.event(id)).status).toBe("completed");
  });

  it("refuses what has not failed, and changes nothing", async () => {
    const states = ["pending", "processing", "completed", "archived"];
    const id = await house.accept("stateful");
    for (const status of states) {
      await house.database
        .prepare("UPDATE webhook_events SET status = ? WHERE id = ?")
        .bind(status, id)
        .run();
      const before = await house.event(id);
      const reply = await replay(id);
      expect([reply.status, problemOf(reply)]).toEqual([409, "event-state"]);
      expect(reply.json.detail).toBe(`An event that is ${status} is not replayed.`);
      expect(await house.event(id)).toEqual(before);
    }
    expect(await house.actions(id)).toEqual(["webhook.accepted"]);
  });

  it("is not found where there is no such event", async () => {
    expect(problemOf(await replay(UNKNOWN))).toBe("not-found");
    const stranger = await quietHouse();
    const theirs = await stranger.accept("theirs");
    expect(problemOf(await replay(theirs))).toBe("not-found");
  });

  it("is done once under one Idempotency-Key, and once of two at the same time", async () => {
    const id = await dead("keyed");
    const key = { "idempotency-key": "replay-1" };
    const first = await replay(id, key);
    await house.drain(failing);
    const second = await replay(id, key);
    expect([second.status, second.text]).toEqual([first.status, first.text]);
    expect((await house.event(id)).status).toBe("dead_letter");
    const statuses = (await Promise.all([replay(id), replay(id)])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([202, 409]);
  });

  it("works though no bell can be rung", async () => {
    const id = await dead("silent");
    house.breakQueues("Queue is down");
    expect((await replay(id)).status).toBe(202);
    house.breakQueues(null);
    await house.drain(fine);
    expect((await house.event(id)).status).toBe("completed");
  });
});

describe("replaying dead letters", () => {
  let house: QuietHouse;
  let other: TestService;
  beforeAll(async () => {
    house = await quietHouse({ max_attempts: 1 });
    other = await addService(house.tenant, "generic", { max_attempts: 1 });
  });
  const replayAll = (body: unknown, headers: Record<string, string> = {}) =>
    house.worker.call("POST", `${house.tenant.api}/webhooks/dead-letters/replay`, {
      token: house.tenant.admin.token,
      body,
      headers,
    });
  let made = 0;
  const dead = async (service: TestService, type: string) => {
    const body = eventOf(service, `dead-${++made}`, type);
    clock.pass(1);
    const { event_id } = (await house.post(body, "application/json", service)).json;
    await house.drain(failing);
    return event_id as string;
  };

  it("counts first, then replays what fits and nothing else", async () => {
    const ids = [
      await dead(house.service, "order.placed"),
      await dead(house.service, "order.paid"),
      await dead(other, "order.paid"),
    ];
    await house.accept("alive");
    const { receivedAt } = await house.event(ids[1] ?? "");
    const at = receivedAt.toISOString();
    for (const [filters, matched] of [
      [{}, 3],
      [{ service: house.service.slug }, 2],
      [{ type: "order.paid" }, 2],
      [{ service: other.slug, type: "order.paid" }, 1],
      [{ service: other.slug, type: "order.placed" }, 0],
      [{ to: at }, 1],
      [{ from: at }, 2],
      [{ from: at, to: at }, 0],
    ] as const) {
      const reply = await replayAll({ ...filters, dry_run: true });
      expect([reply.status, reply.json]).toEqual([202, { matched, replayed: 0, more: false }]);
    }
    expect(await house.actions()).not.toContain("webhook.dead_letters_replayed");
    house.sent();
    const reply = await replayAll({ type: "order.paid" });
    expect(reply.json).toEqual({ matched: 2, replayed: 2, more: false });
    expect(house.sent()).toMatchObject([{ body: { job: "webhooks.drain" } }]);
    const states = await Promise.all(ids.map(async (id) => (await house.event(id)).status));
    expect(states).toEqual(["dead_letter", "pending", "pending"]);
    const { json } = await house.ask("GET", "/audit?action=webhook.dead_letters_replayed");
    expect(json.data).toMatchObject([{ private: { type: "order.paid", events: 2 } }]);
    await house.drain(fine);
    const none = { matched: 0, replayed: 0, more: false };
    expect((await replayAll({ type: "order.paid" })).json).toEqual(none);
  });

  it.each([{ status: "failed" }, { service: "" }, { from: "yesterday" }, { dry_run: "yes" }, []])(
    "refuses %j",
    async (body) => {
      expect(problemOf(await replayAll(body))).toBe("validation-failed");
    },
  );

  it("takes a thousand a call, the oldest first", async () => {
    const id = await dead(house.service, "order.many");
    await house.database
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        INSERT INTO webhook_events SELECT id || printf('%04d', i), service, type,
          provider_id, dedupe_key || i, conflicting, test, status, replay, attempts, attempts_left,
          max_attempts, due_at, lease, last_error, size, received_at, ended_at, told_at, buried_at
        FROM webhook_events, n WHERE id = ?`,
      )
      .bind(id)
      .run();
    const filters = { type: "order.many" };
    const counted = await replayAll({ ...filters, dry_run: true });
    expect(counted.json).toEqual({ matched: 1_001, replayed: 0, more: true });
    const first = { matched: 1_000, replayed: 1_000, more: true };
    expect((await replayAll(filters)).json).toEqual(first);
    expect((await house.event(`${id}1000`)).status).toBe("dead_letter");
    expect((await house.event(`${id}0999`)).status).toBe("pending");
    expect((await replayAll(filters)).json).toEqual({ matched: 1, replayed: 1, more: false });
    await house.database.prepare("DELETE FROM webhook_events WHERE type = 'order.many'").run();
  });

  it("does all or nothing when somebody else is faster, and once under one key", async () => {
    const ids = [await dead(house.service, "order.raced"), await dead(other, "order.raced")];
    const replies = await Promise.all([
      replayAll({ type: "order.raced" }),
      replayAll({ type: "order.raced" }),
    ]);
    const outcomes = replies.map(({ status, json }) => [status, json.replayed]);
    expect(outcomes).toContainEqual([202, 2]);
    // The other finds none, or that they changed under its hands.
    expect([
      [202, 0],
      [409, undefined],
    ]).toContainEqual(outcomes.find(([, replayed]) => replayed !== 2));
    await house.drain(failing);
    for (const id of ids) expect((await house.event(id)).attempts).toBe(2);
    const key = { "idempotency-key": "replay-many" };
    const first = await replayAll({ type: "order.raced" }, key);
    await house.drain(failing);
    const second = await replayAll({ type: "order.raced" }, key);
    expect([first.json, second.json]).toEqual([
      { matched: 2, replayed: 2, more: false },
      { matched: 2, replayed: 2, more: false },
    ]);
    expect((await house.event(ids[0] ?? "")).status).toBe("dead_letter");
  });
});
