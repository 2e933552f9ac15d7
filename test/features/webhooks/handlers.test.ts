/** What received events become: rows of the tenant's events, or errors that say what is missing. */
import { beforeAll, describe, expect, it } from "vitest";
import { recordEvent } from "../../../src/features/events/index.ts";
import { EventError, type WebhookHandler } from "../../../src/features/webhooks/handling.ts";
import { factsOf } from "../../../src/features/webhooks/payload-facts.ts";
import { type QuietHouse, quietHouse } from "../../support/quiet-house.ts";
import { addService } from "../../support/webhooks.ts";

const WHEN = "2026-03-04T05:06:07.000Z";

describe("handlers", () => {
  let house: QuietHouse;
  let made = 0;
  beforeAll(async () => {
    house = await quietHouse();
  });

  /** Sends an event whose body is this, and has it processed. */
  async function process(type: string, body: Record<string, unknown>, service = house.service) {
    const reply = await house.post(
      JSON.stringify({ event_id: `n-${++made}`, event_type: type, ...body }),
      "application/json",
      service,
    );
    expect(reply.status, reply.text).toBe(202);
    await house.drain();
    return house.event(reply.json.event_id);
  }
  /** The business events that were made of a received one. */
  async function madeOf(received: string) {
    const reply = await house.ask("GET", `/events?source_id=${received}`);
    expect(reply.status, reply.text).toBe(200);
    return reply.json.data;
  }

  it.each([
    ["user.created", { user_id: "u_1", email: "ada@example.test" }, "u_1"],
    ["user.updated", { id: "u_2" }, "u_2"],
    ["user.deleted", { email: "ada@example.test" }, "ada@example.test"],
    ["payment.succeeded", { payment_id: "pay_1", id: "other" }, "pay_1"],
    ["payment.failed", { id: "pay_2" }, "pay_2"],
    ["subscription.renewed", { subscription_id: "sub_1" }, "sub_1"],
    ["subscription.cancelled", { id: "sub_2" }, "sub_2"],
    ["email.bounced", { message_id: "msg_1" }, "msg_1"],
    ["email.opened", { email_id: "em_1" }, "em_1"],
    ["email.sent", { id: 77 }, "77"],
    ["order.placed", { id: "ord_1" }, "ord_1"],
    ["order.counted", { total: 3 }, null],
    ["unknown", {}, null],
  ])("%s becomes an event about its subject", async (type, data, subject) => {
    const event = await process(type, { data, occurred_at: WHEN });
    expect([event.status, event.lastError]).toEqual(["completed", null]);
    expect(await madeOf(event.id)).toEqual([
      {
        id: expect.stringMatching(/^event_/),
        event_type: type,
        source: `webhook:${house.service.slug}`,
        source_id: event.id,
        subject,
        actor_id: null,
        timestamp: WHEN,
        recorded_at: expect.any(String),
        metadata: data,
      },
    ]);
  });

  it("an event without a time happened when it was received", async () => {
    const event = await process("order.placed", { data: { id: "ord_2" } });
    const [made] = await madeOf(event.id);
    expect(made.timestamp).toBe(event.receivedAt.toISOString());
  });

  it.each([
    ["user.created", "user_id, id, email"],
    ["payment.succeeded", "payment_id, id"],
    ["payment.refunded", "payment_id, id"],
    ["subscription.renewed", "subscription_id, id"],
    ["email.sent", "message_id, email_id, id"],
  ])("%s about nothing fails, and says what it looked for", async (type, names) => {
    const data = { user_id: null, id: { nested: true }, email: "", payment_id: [] };
    const event = await process(type, { data });
    expect([event.status, event.lastError]).toEqual([
      "failed",
      `The data names no subject: one of ${names}.`,
    ]);
    expect(await madeOf(event.id)).toEqual([]);
  });

  it("a name that holds nothing does not stand before one that does", async () => {
    const event = await process("payment.succeeded", { data: { payment_id: null, id: "pay_n" } });
    expect(await madeOf(event.id)).toMatchObject([{ subject: "pay_n" }]);
  });

  it("a subject is found however much stands before it", async () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`field_${at}`, at]));
    const event = await process("user.created", { data: { ...many, user_id: "u_late" } });
    const [made] = await madeOf(event.id);
    expect(made.subject).toBe("u_late");
    expect(Object.keys(made.metadata)).toHaveLength(32);
  });

  describe("a refund", () => {
    const refund = (payment: string, service = house.service) =>
      process("payment.refunded", { data: { payment_id: payment } }, service);

    it("waits for its payment, and follows it", async () => {
      const early = await refund("pay_r1");
      expect([early.status, early.lastError]).toEqual([
        "failed",
        "There is no successful payment pay_r1 to refund.",
      ]);
      await process("payment.failed", { data: { payment_id: "pay_r1" } });
      expect((await refund("pay_r1")).status).toBe("failed");
      await process("payment.succeeded", { data: { payment_id: "pay_r1" } });
      const late = await refund("pay_r1");
      expect(late.status).toBe("completed");
      expect(await madeOf(late.id)).toMatchObject([
        { event_type: "payment.refunded", subject: "pay_r1" },
      ]);
    });

    it("of another service's payment is none", async () => {
      const other = await addService(house.tenant);
      await process("payment.succeeded", { data: { payment_id: "pay_r2" } }, other);
      expect((await refund("pay_r2")).status).toBe("failed");
      expect((await refund("pay_r2", other)).status).toBe("completed");
    });
  });

  it("a form's fields are its data", async () => {
    const form = new URLSearchParams({
      event_id: "form-1",
      event_type: "email.opened",
      message_id: "msg_form",
      timestamp: "1772600767",
    });
    const reply = await house.post(form.toString(), "application/x-www-form-urlencoded");
    await house.drain();
    expect(await madeOf(reply.json.event_id)).toMatchObject([
      { event_type: "email.opened", subject: "msg_form", timestamp: "2026-03-04T05:06:07.000Z" },
    ]);
  });

  it("Stripe's data.object is the data, its created the time", async () => {
    const stripe = await addService(house.tenant, "stripe");
    const reply = await house.post(
      JSON.stringify({
        id: "evt_1",
        object: "event",
        type: "payment.succeeded",
        created: 1_772_600_767,
        data: { object: { id: "pi_1", amount: 1200, charges: { data: [] }, created: 1 } },
      }),
      "application/json",
      stripe,
    );
    await house.drain();
    expect(await madeOf(reply.json.event_id)).toMatchObject([
      { subject: "pi_1", timestamp: WHEN, metadata: { id: "pi_1", amount: 1200, created: 1 } },
    ]);
  });

  it("names that every object inherits name nothing", async () => {
    const data = { constructor: "c", toString: 1, hasOwnProperty: true, valueOf: null };
    const event = await process("order.placed", { data });
    expect(await madeOf(event.id)).toMatchObject([{ subject: null, metadata: data }]);
    const bare = await process("constructor", { data: {} });
    expect(await madeOf(bare.id)).toMatchObject([{ event_type: "constructor", subject: null }]);
  });

  it("bodies that are no object are taken for events without data", async () => {
    for (const body of ["[1,2]", "7", "null", '"text"']) {
      const reply = await house.post(body);
      expect(reply.status, reply.text).toBe(202);
      await house.drain();
      expect(await madeOf(reply.json.event_id)).toMatchObject([
        { event_type: "unknown", subject: null, metadata: {} },
      ]);
    }
  });

  it("anybody adds one by putting it into the list: the first that fits is called", async () => {
    const invoices: WebhookHandler = {
      types: "invoice.paid",
      handle: async (_, { id, service, type, receivedAt, payload }) => {
        const { number } = payload as { number?: string };
        if (number === undefined) throw new EventError("The invoice has no number.");
        return recordEvent({
          type,
          source: `webhook:${service}`,
          sourceId: id,
          subject: `invoice ${number}`,
          actorId: null,
          occurredAt: receivedAt,
          metadata: {},
        });
      },
    };
    const paid = await house.accept("inv-1", "invoice.paid", { number: "R-7" });
    const bad = await house.accept("inv-2", "invoice.paid", {});
    const other = await house.accept("inv-3", "invoice.sent", { number: "R-8" });
    await house.drain({ handlers: [invoices] });
    expect(await madeOf(paid)).toMatchObject([
      { event_type: "invoice.paid", subject: "invoice R-7" },
    ]);
    expect((await house.event(bad)).lastError).toBe("The invoice has no number.");
    expect((await house.event(other)).lastError).toBe(
      "Nothing handles events of the type invoice.sent.",
    );
  });
});

describe("the facts of a payload", () => {
  it("are so many plain values, so long each", () => {
    const { values } = factsOf({
      data: {
        text: "x".repeat(10_000),
        ["n".repeat(257)]: 1,
        yes: true,
        none: null,
        list: [1],
        nested: { id: 1 },
        ...Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`field_${at}`, at])),
      },
    });
    expect(Object.keys(values)).toHaveLength(32);
    expect(values).toMatchObject({ text: "x".repeat(256), yes: true, none: null, field_0: 0 });
    expect(values).not.toHaveProperty("list");
    expect(values).not.toHaveProperty("nested");
  });

  it("are not looked for behind the last that is taken", () => {
    const data: Record<string, unknown> = {};
    let looked = 0;
    for (let nth = 0; nth < 10_000; nth++) {
      const get = () => {
        looked += 1;
        return nth;
      };
      Object.defineProperty(data, `field_${nth}`, { enumerable: true, get });
    }
    expect(Object.keys(factsOf({ data }).values)).toHaveLength(32);
    expect(looked).toBe(32);
  });

  it("never hold half of a character", () => {
    const { values } = factsOf({ cut: `${"x".repeat(255)}😀`, lone: "\ud800" });
    // First, for nobody could be told of half a character.
    expect([values.cut, values.lone].map((text) => String(text).isWellFormed())).toEqual([
      true,
      true,
    ]);
    expect(values.cut).toBe(`${"x".repeat(255)}\ufffd`);
    expect(values.lone).toBe("\ufffd");
  });

  it.each([
    ["an ISO time", "2026-03-04T05:06:07Z", WHEN],
    ["one with an offset", "2026-03-04T06:06:07+01:00", WHEN],
    ["a day", "2026-03-04", "2026-03-04T00:00:00.000Z"],
    ["an e-mail's date", "Wed, 04 Mar 2026 05:06:07 +0000", WHEN],
    ["seconds", 1_772_600_767, WHEN],
    ["seconds in a text", "1772600767", WHEN],
    ["milliseconds", 1_772_600_767_000, WHEN],
    ["words that end in a number", "item 12", null],
    ["a number", "5", null],
    ["an old time", 12, null],
    ["a time far off", "2101-01-01T00:00:00Z", null],
    ["too large a number", 1e300, null],
    ["null", null, null],
    ["a list", ["2026-03-04"], null],
    ["an object", { toString: "2026-03-04" }, null],
    ["a truth", true, null],
  ])("when it happened: %s", (_, timestamp, expected) => {
    expect(factsOf({ timestamp }).occurredAt?.toISOString() ?? null).toBe(expected);
  });

  it("when it happened: the envelope knows better than the data, and nonsense is passed over", () => {
    const data = { created_at: "2020-01-01T00:00:00Z" };
    expect(factsOf({ timestamp: "soon", created: 1_772_600_767, data }).occurredAt).toEqual(
      new Date(WHEN),
    );
    expect(factsOf({ data }).occurredAt).toEqual(new Date("2020-01-01T00:00:00Z"));
  });

  it.each([undefined, null, 7, "text", [], [{ id: 1 }]])("of %j are none", (payload) => {
    expect(factsOf(payload)).toMatchObject({ values: {}, occurredAt: null });
  });
});
