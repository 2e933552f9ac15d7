/** What failed for good, the queue that hears of it, and what the audit log tells of an event. */
import { describe, expect, it, vi } from "vitest";
import { EventError } from "../../../src/features/webhooks/handling.ts";
import { brokenTenant, GONE } from "../../support/broken.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { call, newTenant } from "../../support/client.ts";
import { HOUR, MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import type { Sent } from "../../support/kept-queues.ts";
import { bring } from "../../support/queue-batches.ts";
import { handling, NOTHING, type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { addService, eventOf, eventually, post, signed } from "../../support/webhooks.ts";
import { wrapAll } from "../../support/worker.ts";

const fine = handling(async () => NOTHING);
const failing = handling(async () => {
  throw new EventError("It is not to be.");
});
const bodiesOf = (sent: readonly Sent[]) => sent.map(({ body }) => body);
const burials = (sent: readonly Sent[]) => sent.filter(({ queue }) => queue === "dead-letters");

describe("a dead letter", () => {
  const clock = standingClock({ between: MINUTE });

  /** An event that has just failed for good, and what the queue was told of it. */
  async function deadLetter(house: QuietHouse, name = "evt") {
    const id = await house.accept(name);
    house.sent();
    await house.drain(failing);
    return { id, told: burials(house.sent()) };
  }
  const bury = (house: QuietHouse, told: readonly Sent[]) =>
    captureLogs(() => bring("dead-letters", bodiesOf(told), { env: house.worker.env }));

  it("is written down once, however often the queue is told of it", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const { id, told } = await deadLetter(house);
    const [message] = told;
    if (!message) throw new Error("The queue was not told.");
    const alarms = (entries: readonly { message?: unknown }[]) =>
      entries.filter(({ message }) => message === "webhook is a dead letter");
    const { result, entries } = await bury(house, [message, message]);
    expect(alarms(entries)).toHaveLength(1);
    expect(result).toEqual({ acked: [0, 1], retried: [] });
    expect(entries).toContainEqual(
      expect.objectContaining({
        level: "error",
        message: "webhook is a dead letter",
        event: id,
        tenant: house.tenant.slug,
      }),
    );
    expect((await house.event(id)).buriedAt).toEqual(new Date());
    clock.pass(MINUTE);
    const doubled = await bury(house, [message]);
    expect([doubled.result.acked, alarms(doubled.entries)]).toEqual([[0], []]);
    expect((await house.event(id)).buriedAt).toEqual(new Date(Date.now() - MINUTE));
    const actions = await house.actions(id);
    expect(actions).toEqual(["webhook.accepted", "webhook.dead_lettered", "webhook.buried"]);
  });

  it("is told again after five minutes, until the queue's consumer has seen it", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const { id, told } = await deadLetter(house);
    clock.pass(5 * MINUTE);
    await house.drain(fine);
    expect(house.sent()).toEqual([]);
    clock.pass(1);
    await house.drain(fine);
    const again = house.sent();
    expect(again).toEqual(told);
    await bury(house, again);
    clock.pass(HOUR);
    await house.drain(fine);
    expect(house.sent()).toEqual([]);
    expect((await house.actions(id)).at(-1)).toBe("webhook.buried");
  });

  it("is one though the queue cannot be told, and is told later", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    house.breakQueues("Queue is down");
    const { entries, result } = await captureLogs(() => deadLetter(house));
    expect(entries).toContainEqual(
      expect.objectContaining({ message: "dead letter not sent", event: result.id }),
    );
    expect((await house.event(result.id)).status).toBe("dead_letter");
    house.breakQueues(null);
    clock.pass(5 * MINUTE + 1);
    await house.drain(fine);
    expect(house.sent()).toMatchObject([{ queue: "dead-letters", body: { item: result.id } }]);
  });

  it("is told of again with 24 others a visit", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    for (let nth = 0; nth < 30; nth++) await house.accept(`evt-${nth}`);
    await house.drain(failing);
    await house.drain(failing, { again: true });
    expect(burials(house.sent())).toHaveLength(30);
    clock.pass(5 * MINUTE + 1);
    await house.drain(fine);
    const first = burials(house.sent());
    expect(first).toHaveLength(25);
    await bury(house, first);
    await house.drain(fine);
    const rest = burials(house.sent());
    expect(rest).toHaveLength(5);
    const items = new Set([...first, ...rest].map(({ body }) => body.item));
    expect(items.size).toBe(30);
  });

  it("is told again once in five minutes, however many doorbells ring", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    for (let nth = 0; nth < 3; nth++) await house.accept(`evt-${nth}`);
    await house.drain(failing);
    house.sent();
    for (const round of [1, 2]) {
      clock.pass(5 * MINUTE + 1);
      await Promise.all(Array.from({ length: 5 }, () => house.drain(fine)));
      for (let idle = 0; idle < 5; idle++) await house.drain(fine);
      expect(burials(house.sent()), `round ${round}`).toHaveLength(3);
    }
    // That they are told stands there before they are: a queue that is down is no reason for more.
    clock.pass(5 * MINUTE + 1);
    house.breakQueues("Queue is down");
    const { entries } = await captureLogs(() => house.drain(fine));
    expect(entries).toContainEqual(
      expect.objectContaining({ message: "dead letters not sent", events: 3 }),
    );
    house.breakQueues(null);
    await house.drain(fine);
    expect(house.sent()).toEqual([]);
  });

  it("is an alarm though nobody knows whether it was written down", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const { id, told } = await deadLetter(house);
    let lost = false;
    const losing = wrapAll(() => async (trip, run) => {
      // The commit is made; that it was is lost, and all that is asked afterwards.
      if (lost) throw new Error(GONE);
      const result = await run();
      if (trip.kind === "batch") lost = true;
      if (lost) throw new Error(GONE);
      return result;
    });
    const env = { ...house.worker.env, ...losing };
    const first = await captureLogs(() => bring("dead-letters", bodiesOf(told), { env }));
    expect(first.result.retried).toEqual([[0, 10]]);
    const second = await bury(house, told);
    expect(second.result.acked).toEqual([0]);
    const alarms = [...first.entries, ...second.entries].filter(
      ({ message }) => message === "webhook is a dead letter",
    );
    expect(alarms).toEqual([expect.objectContaining({ event: id })]);
  });

  it("that was replayed before the queue heard of it is none; if it dies again, it is one", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const { id, told } = await deadLetter(house);
    await house.ask("POST", `/webhooks/events/${id}/replay`);
    const { result, entries } = await bury(house, told);
    expect(result.acked).toEqual([0]);
    expect(entries.filter(({ level }) => level === "error")).toEqual([]);
    expect((await house.event(id)).buriedAt).toBeNull();
    expect(await house.actions(id)).not.toContain("webhook.buried");
    house.sent();
    await house.drain(failing);
    await bury(house, burials(house.sent()));
    await house.ask("POST", `/webhooks/events/${id}/replay`);
    house.sent();
    await house.drain(failing);
    await bury(house, burials(house.sent()));
    const actions = await house.actions(id);
    expect(actions.filter((action) => action === "webhook.buried")).toHaveLength(2);
  });

  it("nobody knows is forgotten", async () => {
    const house = await quietHouse();
    const { told } = await deadLetter(await quietHouse({ max_attempts: 1 }));
    const [other] = bodiesOf(told);
    const own = { tenant_id: house.tenant.id, slug: house.tenant.slug };
    const bodies = [
      { ...other, ...own },
      { job: other?.job, ...own },
    ];
    const { result, entries } = await captureLogs(() =>
      bring("dead-letters", bodies, { env: house.worker.env }),
    );
    expect(result).toEqual({ acked: [0, 1], retried: [] });
    const errors = entries.filter(({ level }) => level === "error");
    expect(errors.map(({ message }) => message)).toEqual(["dead letter dropped"]);
    expect(await house.actions()).not.toContain("webhook.buried");
  });

  it("comes again while its database is down", async () => {
    const house = await quietHouse({ max_attempts: 1 });
    const { id, told } = await deadLetter(house);
    const env = { ...house.worker.env, ...(await brokenTenant(house.tenant.slug)) };
    const { result } = await captureLogs(() => bring("dead-letters", bodiesOf(told), { env }));
    expect(result).toEqual({ acked: [], retried: [[0, 10]] });
    await bury(house, told);
    expect((await house.actions(id)).at(-1)).toBe("webhook.buried");
  });
});

describe("a doorbell that was rung in vain", () => {
  const clock = standingClock({ between: MINUTE });

  it("comes to the dead-letter queue, is rung anew, and its event takes effect", async () => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    const [bell] = bodiesOf(house.sent());
    const down = { ...house.worker.env, ...(await brokenTenant(house.tenant.slug)) };
    const vain = await captureLogs(() => bring("doorbells", [bell], { env: down }));
    expect(vain.result).toEqual({ acked: [], retried: [[0, 10]] });
    // When all its retries are used up, the platform moves it; the database is down still.
    expect(await bring("dead-letters", [bell], { env: down })).toEqual({
      acked: [0],
      retried: [],
    });
    const anew = house.sent();
    expect(anew).toEqual([{ queue: "doorbells", body: bell, delaySeconds: 300 }]);
    clock.pass(300 * SECOND);
    await bring("doorbells", bodiesOf(anew), { env: house.worker.env });
    expect((await house.event(id)).status).toBe("completed");
  });
});

describe("the queues", () => {
  it("bring a dead letter to its consumer: the real ones", async () => {
    const tenant = await newTenant();
    const service = await addService(tenant, "generic", { max_attempts: 1 });
    const reply = await post(service, "ref", "payment.refunded", { payment_id: "pay_0" });
    const dead = await eventually(tenant, reply.json.event_id, "dead_letter");
    const about = async () => {
      const { json } = await call("GET", `${tenant.api}/audit?target=${dead.id}`, {
        token: tenant.admin.token,
      });
      return json.data.map(({ action, principal }: Record<string, string>) => [action, principal]);
    };
    await vi.waitFor(
      async () => expect(await about()).toContainEqual(["webhook.buried", expect.any(String)]),
      { timeout: 20_000, interval: 50 },
    );
    expect(await about()).toEqual([
      ["webhook.buried", "job:webhooks.dead_letter"],
      ["webhook.dead_lettered", "job:webhooks.drain"],
      ["webhook.accepted", expect.stringMatching(/^service:/)],
    ]);
  });
});

describe("the audit log", () => {
  const clock = standingClock({ between: MINUTE });

  it("tells the whole life of an event", async () => {
    // The claims of a minute share a row, so a minute begins here.
    clock.pass(MINUTE - (Date.now() % MINUTE));
    const house = await quietHouse({ max_attempts: 2 });
    const before = (await house.actions()).length;
    const env = house.worker.env;
    const serve = async () => {
      const sent = house.sent();
      for (const queue of ["doorbells", "dead-letters"] as const) {
        const bodies = bodiesOf(sent.filter((each) => each.queue === queue));
        if (bodies.length > 0) await bring(queue, bodies, { env });
      }
    };
    const body = eventOf(house.service, "ref", "payment.refunded", { payment_id: "pay_1" });
    const forged = await signed({ ...house.service, secret: "whsec_other" }, body);
    await house.worker.call("POST", forged.url, { raw: forged.body, headers: forged.headers });
    const id = (await house.post(body)).json.event_id;
    expect((await house.post(body)).json).toEqual({ status: "duplicate", event_id: id });
    await serve();
    clock.pass(10 * SECOND);
    await serve();
    await serve();
    const paid = await house.accept("pay", "payment.succeeded", { payment_id: "pay_1" });
    await serve();
    clock.pass(MINUTE);
    const replay = await house.ask("POST", `/webhooks/events/${id}/replay`);
    expect(replay.status, replay.text).toBe(202);
    await serve();
    expect((await house.event(id)).status).toBe("completed");
    clock.pass(400 * 24 * HOUR + HOUR);
    const bell = { job: "webhooks.retain", tenant_id: house.tenant.id, slug: house.tenant.slug };
    // First they are archived, and at the next visit forgotten.
    await bring("doorbells", [bell], { env });
    await bring("doorbells", [bell], { env });

    const { results } = await house.database
      .prepare("SELECT action, principal, target FROM audit_log ORDER BY seq LIMIT -1 OFFSET ?")
      .bind(before)
      .all<{ action: string; principal: string; target: string | null }>();
    const rows = results.map(({ action, principal, target }) => {
      const about = target === id ? "it" : target === paid ? "the payment" : target;
      return [action, principal.split(":").slice(0, 2).join(":"), about?.split("_")[0] ?? null];
    });
    const service = expect.stringMatching(/^service:service_/);
    const drain = "job:webhooks.drain";
    expect(rows).toEqual([
      ["webhook.rejected", "job:webhooks.receive", house.service.slug],
      ["webhook.accepted", service, "it"],
      ["webhook.duplicate", service, "it"],
      ["webhook.claimed", drain, null],
      ["webhook.attempt_failed", drain, "it"],
      ["webhook.dead_lettered", drain, "it"],
      ["webhook.buried", "job:webhooks.dead_letter", "it"],
      ["signal.opened", "job:webhooks.dead_letter", "signal"],
      ["webhook.accepted", service, "the payment"],
      ["webhook.completed", drain, "the payment"],
      ["event.created", drain, "event"],
      ["webhook.replayed", expect.stringMatching(/^user:/), "it"],
      ["webhook.claimed", drain, null],
      ["webhook.completed", drain, "it"],
      ["event.created", drain, "event"],
      ["webhook.events_archived", "job:webhooks.retain", null],
      ["webhook.rejections_forgotten", "job:webhooks.retain", null],
      ["webhook.events_forgotten", "job:webhooks.retain", null],
    ]);
  });
});
