import { beforeAll, describe, expect, it } from "vitest";
import { DAY, HOUR, SECOND, standingClock } from "../../support/clock.ts";
import {
  type DeliveryHouse,
  deliveryHouse,
  type TestDestination,
} from "../../support/destinations.ts";
import { showFigures } from "../../support/figures.ts";
import type { Arrived } from "../../support/receiver.node.ts";

const clock = standingClock();
let house: DeliveryHouse;
beforeAll(async () => {
  house = await deliveryHouse();
});

/** Has the receiver's clock show the same time. */
const setClock = ({ receiver }: TestDestination) => receiver.set({ now: Date.now() });
const of = (arrived: readonly Arrived[]) => arrived.map(({ headers }) => headers["webhook-id"]);

describe("an event", () => {
  it("arrives signed, as standardwebhooks verifies it, and says what happened", async ({
    task,
  }) => {
    const destination = await house.addDestination();
    const id = await house.happen("payment.succeeded", { id: "pay_1", amount: 1200 });
    await house.deliver();
    const [arrived, ...more] = await destination.receiver.arrived();
    expect(more).toEqual([]);
    expect(arrived?.verdicts).toEqual(["ok"]);
    expect(arrived?.headers).toMatchObject({
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(Date.now() / SECOND)),
      "webhook-signature": expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/),
    });
    const { json: event } = await house.ask("GET", `/events/${id}`);
    expect(JSON.parse(arrived?.body ?? "")).toEqual({
      type: "payment.succeeded",
      timestamp: event.timestamp,
      data: { id, source: event.source, subject: "pay_1", metadata: event.metadata },
    });
    const [delivery] = await house.deliveries(destination);
    expect(delivery).toMatchObject({
      event_id: id,
      event_type: "payment.succeeded",
      sample: false,
      status: "delivered",
      attempts: 1,
      response_status: 200,
      last_error: null,
      next_attempt_at: null,
    });
    const { attempt_log } = await house.detail(destination, delivery.id);
    expect(attempt_log).toMatchObject([
      { number: 1, outcome: "delivered", response_status: 200, response_text: "thank you" },
    ]);
    showFigures(task, "1 delivery verified by standardwebhooks over HTTP");
  });

  it("is refused by a receiver with another secret or with a clock that is an hour off", async () => {
    const [one, other] = [await house.addDestination(), await house.addDestination()];
    await one.receiver.set({ secrets: [one.secret, other.secret] });
    await other.receiver.set({ now: Date.now() - HOUR });
    await house.happen();
    await house.deliver();
    const verdictsOf = async ({ receiver }: TestDestination) =>
      (await receiver.arrived()).map(({ verdicts }) => verdicts);
    expect(await verdictsOf(one)).toEqual([["ok", "No matching signature found"]]);
    expect(await verdictsOf(other)).toEqual([["Message timestamp too new"]]);
  });

  it("goes to enabled destinations that want its type, or its family, and to no other", async () => {
    const all = await house.addDestination();
    const none = await house.addDestination({ event_types: null });
    const exact = await house.addDestination({ event_types: ["order.paid", "user.left"] });
    const family = await house.addDestination({ event_types: ["order.*"] });
    const both = await house.addDestination({ event_types: ["order.*", "order.paid"] });
    const disabled = await house.addDestination();
    await house.ask("PUT", disabled.path, { status: "disabled" });
    const deleted = await house.addDestination();
    expect((await house.ask("DELETE", deleted.path)).status).toBe(204);
    const ids: Record<string, string> = {};
    for (const type of [
      "order.paid",
      "order.sent",
      "orders.paid",
      "order",
      "ORDER.paid",
      "order.*",
    ]) {
      ids[type] = await house.happen(type);
    }
    await house.deliver();
    for (let bells = 1; bells <= 3; bells++) await house.deliver({}, { again: true });
    const typesAt = async ({ receiver }: TestDestination) => {
      const arrived = await receiver.arrived();
      for (const { body, headers } of arrived) {
        expect(ids[JSON.parse(body).type]).toBe(headers["webhook-id"]);
      }
      return arrived.map(({ body }) => JSON.parse(body).type).sort();
    };
    const everything = [
      "ORDER.paid",
      "order",
      "order.*",
      "order.paid",
      "order.sent",
      "orders.paid",
    ];
    expect(await typesAt(all)).toEqual(everything);
    expect(await typesAt(none)).toEqual(everything);
    expect(await typesAt(exact)).toEqual(["order.paid"]);
    expect(await typesAt(family)).toEqual(["order.*", "order.paid", "order.sent"]);
    expect(await typesAt(both)).toEqual(["order.*", "order.paid", "order.sent"]);
    expect(await typesAt(disabled)).toEqual([]);
    expect(await typesAt(deleted)).toEqual([]);
    // What happened meanwhile is not sent afterwards.
    await house.ask("PUT", disabled.path, { status: "enabled" });
    expect(await house.deliveries(disabled)).toEqual([]);
  });

  it("that is not recorded after all is not delivered", async () => {
    const destination = await house.addDestination();
    const before = await house.deliveries(destination);
    // A refund without its payment fails, and so does one whose commit is refused.
    await house.accept("refund-without-payment", "payment.refunded", { id: "pay_none" });
    await house.database
      .prepare(
        `CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.type = 'order.refused'
          BEGIN SELECT RAISE(ABORT, 'refused'); END`,
      )
      .run();
    const refused = await house.accept("refused-1", "order.refused");
    await house.drain();
    await house.database.prepare("DROP TRIGGER refuse").run();
    expect((await house.event(refused)).status).toBe("failed");
    const { json } = await house.ask("GET", `/events?source_id=${refused}`);
    expect(json.data).toEqual([]);
    expect(await house.deliveries(destination)).toEqual(before);
  });
});

describe("a rotated secret", () => {
  it("signs besides the one before for a day, and alone from then on", async ({ task }) => {
    const destination = await house.addDestination();
    const { receiver, secret: first } = destination;
    const rotate = async () => {
      clock.pass(SECOND);
      const reply = await house.ask("POST", `${destination.path}/secrets`);
      expect(reply.status, reply.text).toBe(201);
      return reply.json;
    };
    const verdicts = async () => {
      await setClock(destination);
      await house.happen();
      await house.deliver();
      return (await receiver.arrived()).at(-1)?.verdicts;
    };
    const second = await rotate();
    expect(second.secrets).toMatchObject([
      { expires_at: null },
      { expires_at: new Date(Date.now() + DAY).toISOString() },
    ]);
    await receiver.set({ secrets: [first, second.secret] });
    expect(await verdicts()).toEqual(["ok", "ok"]);
    expect((await receiver.arrived()).at(-1)?.headers["webhook-signature"]).toMatch(
      /^v1,\S+ v1,\S+$/,
    );
    clock.pass(DAY - 2 * SECOND);
    expect(await verdicts()).toEqual(["ok", "ok"]);
    clock.pass(2 * SECOND);
    const none = "No matching signature found";
    expect(await verdicts()).toEqual([none, "ok"]);
    expect((await house.destination(destination)).secrets).toHaveLength(1);
    // Twice within a day: two sign, the newest ones.
    const third = await rotate();
    const fourth = await rotate();
    await receiver.set({ secrets: [first, second.secret, third.secret, fourth.secret] });
    expect(await verdicts()).toEqual([none, none, "ok", "ok"]);
    const live = await house.destination(destination);
    expect(live.secrets.map(({ id }: { id: string }) => id)).toEqual([
      fourth.secrets[0].id,
      third.secrets[0].id,
    ]);
    showFigures(task, "4 secrets: 2, 2, 1 and 2 of them verified at a time");
  });
});

describe("a sample", () => {
  it("is sent whatever the destination wants, and is recorded as no event", async () => {
    const destination = await house.addDestination({ event_types: ["never.comes"] });
    house.sent();
    const reply = await house.ask("POST", `${destination.path}/test`, {
      type: "payment.succeeded",
      data: { amount: 7 },
    });
    expect(reply.status, reply.text).toBe(202);
    expect(reply.json).toMatchObject({ sample: true, status: "pending", attempts: 0 });
    expect(house.sent().map(({ body }) => body.job)).toEqual(["destinations.deliver"]);
    await setClock(destination);
    await house.deliver();
    const arrived = await destination.receiver.arrived();
    expect(of(arrived)).toEqual([reply.json.event_id]);
    expect(arrived[0]?.verdicts).toEqual(["ok"]);
    expect(JSON.parse(arrived[0]?.body ?? "")).toEqual({
      type: "payment.succeeded",
      timestamp: reply.json.created_at,
      data: {
        id: reply.json.event_id,
        source: "rowhouse:test",
        subject: null,
        metadata: { amount: 7 },
      },
    });
    expect((await house.ask("GET", `/events/${reply.json.event_id}`)).status).toBe(404);
  });

  it("is not sent to a destination that is disabled", async () => {
    const destination = await house.addDestination();
    await house.ask("PUT", destination.path, { status: "disabled" });
    const reply = await house.ask("POST", `${destination.path}/test`, {});
    expect([reply.status, reply.json.type]).toEqual([
      409,
      expect.stringContaining("delivery-state"),
    ]);
    expect(await house.deliveries(destination)).toEqual([]);
  });
});
