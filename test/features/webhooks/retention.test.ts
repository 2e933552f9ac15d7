/** What is dropped when, and what is kept whatever its age. */
import { beforeEach, describe, expect, it } from "vitest";
import { EventError } from "../../../src/features/webhooks/handling.ts";
import { retain } from "../../../src/features/webhooks/retain.service.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { DAY, HOUR, MINUTE, standingClock } from "../../support/clock.ts";
import type { Around } from "../../support/d1.ts";
import { handling, NOTHING, type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { eventOf } from "../../support/webhooks.ts";
import { firstValue, wrapAll } from "../../support/worker.ts";

const clock = standingClock({ between: MINUTE });
const SETTINGS = { WEBHOOK_PAYLOAD_DAYS: "2", WEBHOOK_EVENT_DAYS: "5" };

const fine = handling(async () => NOTHING);
const failing = handling(async () => {
  throw new EventError("It is not to be.");
});

describe("retention", () => {
  let house: QuietHouse;
  beforeEach(async () => {
    house = await quietHouse({ max_attempts: 2 });
  });

  const visit = async (around?: Around) =>
    retain(await house.ctx({ ...SETTINGS, ...(around ? wrapAll(() => around) : {}) }));
  const count = (table: string, where = "1") =>
    firstValue<number>(house.database, `SELECT count(*) FROM ${table} WHERE ${where}`);
  const rows = async () => ({
    events: await count("webhook_events"),
    archived: await count("webhook_events", "status = 'archived'"),
    payloads: await count("webhook_payloads"),
    attempts: await count("webhook_attempts"),
  });
  const post = (id: string) => house.post(eventOf(house.service, id));
  const doneWith = async (id: string) => {
    const event = await house.accept(id);
    await house.drain(fine);
    house.sent();
    return event;
  };
  /** Copies the one event of the house until there are so many, each with payload and attempt. */
  const multiply = async (count: number) => {
    const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count - 1})`;
    const copy = (table: string, columns: string, changed: string) =>
      house.database.prepare(
        `INSERT INTO ${table} (${columns}) ${numbers} SELECT ${changed} FROM ${table}, n`,
      );
    const kept = `service, type, provider_id, conflicting, test, status, replay, attempts,
      attempts_left, max_attempts, due_at, lease, last_error, size, received_at, ended_at, buried_at`;
    await house.database.batch([
      copy(
        "webhook_payloads",
        "event_id, kind, content_type, text",
        "event_id || i, kind, content_type, text",
      ),
      copy(
        "webhook_attempts",
        "event_id, number, lease, started_at",
        "event_id || i, number, lease, started_at",
      ),
      copy("webhook_events", `id, dedupe_key, ${kept}`, `id || i, dedupe_key || i, ${kept}`),
    ]);
  };

  it("drops payload and attempts first, and then what is known of the event", async () => {
    const id = await doneWith("evt");
    clock.pass(2 * DAY);
    await visit();
    expect(await rows()).toEqual({ events: 1, archived: 0, payloads: 1, attempts: 1 });
    clock.pass(1);
    await visit();
    expect(await rows()).toEqual({ events: 1, archived: 1, payloads: 0, attempts: 0 });
    expect(await house.event(id)).toMatchObject({
      status: "archived",
      attempts: 1,
      type: "order.placed",
    });
    // Late as it is, a repeat is known for one.
    const repeat = await post("evt");
    expect([repeat.status, repeat.json]).toEqual([200, { status: "duplicate", event_id: id }]);
    clock.pass(3 * DAY);
    await visit();
    expect(await rows()).toEqual({ events: 0, archived: 0, payloads: 0, attempts: 0 });
    const anew = await post("evt");
    expect([anew.status, anew.json.status]).toEqual([202, "accepted"]);
    expect(anew.json.event_id).not.toBe(id);
  });

  it("says what it did, and nothing when it did nothing", async () => {
    await doneWith("evt-1");
    await doneWith("evt-2");
    const before = (await house.actions()).length;
    await visit();
    expect((await house.actions()).slice(before)).toEqual([]);
    clock.pass(6 * DAY);
    await visit();
    await visit();
    const { results } = await house.database
      .prepare(
        "SELECT action, data FROM audit_log JOIN audit_private ON audit_id = id ORDER BY seq",
      )
      .all<{ action: string; data: string }>();
    const said = results.slice(before).map(({ action, data }) => [action, JSON.parse(data)]);
    expect(said).toEqual([
      ["webhook.events_archived", expect.objectContaining({ events_at_most: 2 })],
      ["webhook.events_forgotten", expect.objectContaining({ events: 2 })],
    ]);
  });

  it("costs one read and no write where nothing is old", async () => {
    const idle = await quietHouse();
    await house.accept("waits");
    await doneWith("young");
    for (const each of [idle, house]) {
      const trips: string[] = [];
      const counting = wrapAll((binding) => async (trip, run) => {
        if (binding !== "CONTROL_DB") trips.push(trip.kind);
        return run();
      });
      const ctx = await each.ctx({ ...SETTINGS, ...counting });
      trips.length = 0;
      await retain(ctx);
      expect(trips).toEqual(["read"]);
      expect(each.sent().filter(({ body }) => body.job === "webhooks.retain")).toEqual([]);
    }
  });

  it("counts from when an event ended: what was held for long keeps its payload as long", async () => {
    const id = await house.accept("held");
    clock.pass(10 * DAY);
    await house.drain(fine);
    await visit();
    expect(await rows()).toMatchObject({ archived: 0, payloads: 1, attempts: 1 });
    clock.pass(2 * DAY + 1);
    await visit();
    expect((await house.event(id)).status).toBe("archived");
    await visit();
    expect(await rows()).toMatchObject({ events: 1 });
    clock.pass(3 * DAY);
    await visit();
    expect(await rows()).toMatchObject({ events: 0 });
  });

  it("takes no more than 50 MB of payloads at once, but at least one", async () => {
    for (const id of ["a", "b", "c"]) await doneWith(id);
    await house.database.prepare("UPDATE webhook_events SET size = 30000000").run();
    clock.pass(2 * DAY + 1);
    const archived: number[] = [];
    const rung: number[] = [];
    for (let chunk = 0; chunk < 3; chunk++) {
      if (chunk === 2) await house.database.prepare("UPDATE webhook_events SET size = 9e8").run();
      await visit();
      archived.push((await rows()).archived);
      rung.push(house.sent().length);
    }
    expect([archived, rung]).toEqual([
      [1, 2, 3],
      [1, 1, 0],
    ]);
  });

  it("forgets the batches of that time too", async () => {
    const insert = "INSERT INTO webhook_batches VALUES ('s', ?, ?)";
    await house.database.batch([
      house.database.prepare(insert).bind("old", Date.now() - 5 * DAY - 1),
      house.database.prepare(insert).bind("young", Date.now() - 5 * DAY),
    ]);
    await visit();
    expect(await firstValue(house.database, "SELECT group_concat(key) FROM webhook_batches")).toBe(
      "young",
    );
    expect((await house.actions()).at(-1)).toBe("webhook.batches_forgotten");
  });

  it("leaves alone what still waits, however old it is", async () => {
    const held = {
      failed: await house.accept("failed"),
      processing: "",
      pending: "",
    };
    await house.drain(failing);
    held.processing = await house.accept("processing");
    await house.drain(
      handling(async (_, { id }) => {
        throw id === held.failed ? new EventError("again") : new Failure("database-unavailable");
      }),
    );
    held.pending = await house.accept("pending");
    clock.pass(1_000 * DAY);
    await visit();
    for (const [status, id] of Object.entries(held)) {
      expect((await house.event(id)).status).toBe(status);
    }
    expect(await count("webhook_payloads")).toBe(3);
    await house.drain(fine);
    clock.pass(2 * DAY + 1);
    await visit();
    expect(await count("webhook_payloads")).toBe(0);
  });

  /** As the consumer of the dead-letter queue leaves them. */
  const seenDead = (each: QuietHouse) =>
    each.database.prepare("UPDATE webhook_events SET buried_at = ended_at").run();

  it("archives dead letters too, but none of which nobody was told", async () => {
    const strict = await quietHouse({ max_attempts: 1 });
    const id = await strict.accept("evt");
    await strict.drain(failing);
    clock.pass(2 * DAY + 1);
    await retain(await strict.ctx(SETTINGS));
    expect((await strict.event(id)).status).toBe("dead_letter");
    await seenDead(strict);
    await retain(await strict.ctx(SETTINGS));
    expect(await strict.event(id)).toMatchObject({ status: "archived", lastError: null });
  });

  it.each(["archived", "forgotten"])(
    "goes by 500, and rings again while there are more: %s",
    async (what) => {
      await doneWith("evt");
      await multiply(1_001);
      house.sent();
      clock.pass(2 * DAY + 1);
      if (what === "forgotten") {
        for (let chunk = 0; chunk < 3; chunk++) await visit();
        house.sent();
        clock.pass(3 * DAY);
      }
      const left: number[] = [];
      const rung: unknown[] = [];
      for (let chunk = 0; chunk < 3; chunk++) {
        await visit();
        left.push(
          await count("webhook_events", what === "archived" ? "status <> 'archived'" : "1"),
        );
        rung.push(house.sent().map(({ queue, body }) => [queue, body.job, body.again]));
      }
      expect(left).toEqual([501, 1, 0]);
      const again = [["doorbells", "webhooks.retain", true]];
      expect(rung).toEqual([again, again, []]);
      expect(await rows()).toMatchObject({ payloads: 0, attempts: 0 });
    },
  );

  it("spares a dead letter that is replayed while it looks", async () => {
    const strict = await quietHouse({ max_attempts: 1 });
    const [spared, dropped] = [await strict.accept("spared"), await strict.accept("dropped")];
    await strict.drain(failing);
    await seenDead(strict);
    clock.pass(2 * DAY + 1);
    let replayed = false;
    const between: Around = async ({ kind }, run) => {
      if (kind === "batch" && !replayed) {
        replayed = true;
        const { replay } = await import("../../../src/features/webhooks/replay.service.ts");
        await replay(await strict.ctx(), spared);
      }
      return run();
    };
    await retain(await strict.ctx({ ...SETTINGS, ...wrapAll(() => between) }));
    expect(replayed).toBe(true);
    expect((await strict.event(dropped)).status).toBe("archived");
    expect((await strict.event(spared)).status).toBe("pending");
    await strict.drain(fine);
    expect((await strict.event(spared)).status).toBe("completed");
  });

  it("forgets sums of rejections of hours that are so old", async () => {
    clock.pass(HOUR - (Date.now() % HOUR));
    const forge = async () => {
      const reply = await house.worker.call("POST", house.service.url, { raw: "{}" });
      expect(reply.status).toBe(401);
    };
    await forge();
    clock.pass(DAY);
    await forge();
    clock.pass(DAY + HOUR - 1);
    await visit();
    expect(await count("webhook_rejections")).toBe(2);
    clock.pass(1);
    await visit();
    expect(await count("webhook_rejections")).toBe(1);
    expect((await house.actions()).at(-1)).toBe("webhook.rejections_forgotten");
  });

  it("keeps payloads for 30 days and events for 400 where nothing else is set", async () => {
    await doneWith("evt");
    const usual = async () => retain(await house.ctx());
    clock.pass(30 * DAY);
    await usual();
    expect(await rows()).toMatchObject({ archived: 0 });
    clock.pass(1);
    await usual();
    expect(await rows()).toMatchObject({ events: 1, archived: 1 });
    clock.pass(370 * DAY - 1);
    await usual();
    expect(await rows()).toMatchObject({ events: 1 });
    clock.pass(1);
    await usual();
    expect(await rows()).toMatchObject({ events: 0 });
  });
});
