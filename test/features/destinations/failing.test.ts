import { beforeAll, describe, expect, inject, it } from "vitest";
import { newId } from "../../../src/platform/ids.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { DAY, HOUR, MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { tenantCtx } from "../../support/ctx.ts";
import {
  type DeliveryHouse,
  deliveryHouse,
  newReceiver,
  type TestDestination,
} from "../../support/destinations.ts";
import { showFigures } from "../../support/figures.ts";
import { caller, newPlace } from "../../support/outbound.ts";

const clock = standingClock();
let house: DeliveryHouse;
beforeAll(async () => {
  house = await deliveryHouse();
});

const answers = (count: number, answer: { status: number; headers?: Record<string, string> }) =>
  Array.from({ length: count }, () => answer);

/** A destination that alone gets what happens next. */
async function only(input: Record<string, unknown> = {}): Promise<TestDestination> {
  await house.database.prepare("UPDATE destinations SET event_types = '[\"no.more\"]'").run();
  return house.addDestination(input);
}

/** One event, and what its delivery came to at the first attempt. */
async function attemptOne(destination: TestDestination) {
  const event = await house.happen();
  await house.deliver();
  const found = await house.deliveries(destination);
  const id = found.find(({ event_id }) => event_id === event).id;
  return house.detail(destination, id);
}

/** One failure, which is not tried again: more of them would open the breaker. */
async function failAlone(destination: TestDestination): Promise<void> {
  await attemptOne(destination);
  const forget = "DELETE FROM deliveries WHERE destination_id = ?";
  await house.database.prepare(forget).bind(destination.id).run();
}

/** Seconds until the next attempt. */
const secondsLeft = (delivery: { next_attempt_at: string }) =>
  (Date.parse(delivery.next_attempt_at) - Date.now()) / SECOND;

const audited = async (action: string, target: string) => {
  const rows = await house.database
    .prepare(
      `SELECT data FROM audit_log JOIN audit_private ON audit_id = id
        WHERE action = ? AND target = ?`,
    )
    .bind(action, target)
    .all<{ data: string }>();
  return rows.results.map(({ data }) => JSON.parse(data));
};

describe("a delivery that fails", () => {
  it("is tried 8 times in 27.6 hours, with the same id and the same bytes", async ({ task }) => {
    const destination = await only();
    const { receiver } = destination;
    await receiver.set({ answers: answers(9, { status: 500 }) });
    const startedAt = Date.now();
    await house.happen("order.placed", { id: "o-1", "10": "ten", nested: { b: 1, a: [2] } });
    house.sent();
    const pauses: number[] = [];
    for (;;) {
      await receiver.set({ now: Date.now() });
      await house.deliver();
      const bells = house.sent();
      const [delivery] = await house.deliveries(destination);
      if (delivery.status !== "pending") break;
      const left = secondsLeft(delivery);
      pauses.push(left);
      expect(delivery).toMatchObject({ attempts: pauses.length, response_status: 500 });
      expect(bells).toMatchObject([{ body: { job: "destinations.deliver" }, delaySeconds: left }]);
      // Not a moment too early.
      clock.pass(left * SECOND - 1);
      await house.deliver();
      expect(await receiver.arrived()).toHaveLength(pauses.length);
      clock.pass(1);
      house.sent();
    }
    expect(pauses).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]);
    const hours = (Date.now() - startedAt) / HOUR;
    expect(hours).toBeCloseTo(27.6, 1);
    const [delivery] = await house.deliveries(destination);
    expect(delivery).toMatchObject({
      status: "failed",
      attempts: 8,
      last_error: "The receiver answered 500.",
      next_attempt_at: null,
      ended_at: new Date().toISOString(),
    });
    const { attempt_log } = await house.detail(destination, delivery.id);
    expect(attempt_log.map(({ outcome }: { outcome: string }) => outcome)).toEqual(
      Array(8).fill("failed"),
    );
    const arrived = await receiver.arrived();
    const distinct = (of: (each: (typeof arrived)[number]) => unknown) =>
      new Set(arrived.map((each) => JSON.stringify(of(each)))).size;
    expect(arrived).toHaveLength(8);
    expect(distinct(({ body }) => body)).toBe(1);
    expect(distinct(({ headers }) => headers["webhook-id"])).toBe(1);
    expect(distinct(({ headers }) => headers["webhook-timestamp"])).toBe(8);
    expect(arrived.flatMap(({ verdicts }) => verdicts)).toEqual(Array(8).fill("ok"));
    showFigures(task, `8 attempts in ${hours.toFixed(2)} hours, bytes and id equal, all verified`);
  });

  it.each([
    [429, "600", 630],
    [503, "600", 630],
    [429, "1", 5],
    [429, "99999999", 90_720],
    [503, "soon", 5],
    [503, "-7", 5],
    [500, "600", 5],
    [302, "600", 5],
    // A twentieth more than was asked for, as the random number says.
  ])("with %i and Retry-After: %s waits %i seconds", async (status, retryAfter, seconds) => {
    const destination = await only();
    await destination.receiver.set({
      answers: [{ status, headers: { "retry-after": retryAfter } }],
    });
    expect(secondsLeft(await attemptOne(destination))).toBe(seconds);
  });

  it("waits until the date that Retry-After names", async () => {
    const destination = await only();
    const date = new Date(Date.now() + HOUR).toUTCString();
    await destination.receiver.set({
      answers: [{ status: 503, headers: { "retry-after": date } }],
    });
    expect(Math.round(secondsLeft(await attemptOne(destination)))).toBe(3_780);
  });

  it.each([
    ["nobody listens", () => `http://127.0.0.1:${inject("misbehaving").dead}/`, "No whole answer"],
    ["it hangs up", () => misbehaving("cut"), "No whole answer"],
    ["it refuses by a gigabyte", () => misbehaving("flood", "?status=500"), "answered 500"],
    ["it answers something else", () => misbehaving("garbage"), "No whole answer"],
    ["it redirects", () => misbehaving("redirect", "?to=/echo/elsewhere"), "answered 302"],
  ])("because %s says so and is tried again", async (_, urlOf, error) => {
    const destination = await only({ url: urlOf() });
    const delivery = await attemptOne(destination);
    expect(delivery).toMatchObject({ status: "pending", attempts: 1 });
    expect(delivery.last_error).toContain(error);
    expect(delivery.attempt_log).toMatchObject([{ outcome: "failed", error: delivery.last_error }]);
  });

  it("is none where a 2xx has more to say than is read", async () => {
    const destination = await only({ url: misbehaving("flood") });
    const delivery = await attemptOne(destination);
    expect(delivery).toMatchObject({ status: "delivered", attempts: 1, response_status: 200 });
    expect(delivery.attempt_log[0].response_text).toBe("x".repeat(1_024));
  });

  it("is none while the tenant has too many calls under way: it is put off", async () => {
    const destination = await only();
    const place = newPlace();
    const { promise: held, reject: release } = Promise.withResolvers<never>();
    const { realm } = await tenantCtx(house.tenant.slug);
    const request = { beforeSending: () => held };
    const calls = Array.from({ length: 12 }, () =>
      place.call({ ...caller(), realm }, place.url("echo"), { request }),
    );
    const delivery = await attemptOne(destination);
    release(new Failure("not-ready"));
    await Promise.all(calls);
    expect(delivery).toMatchObject({ status: "pending", attempts: 0, last_error: null });
    expect(await destination.receiver.arrived()).toEqual([]);
    clock.pass(MINUTE);
    await house.deliver();
    expect(await destination.receiver.arrived()).toHaveLength(1);
  });

  it("keeps the first KiB of what was answered, whole letters only", async () => {
    const destination = await only();
    const body = `${"x".repeat(1_023)}ü and more`;
    await destination.receiver.set({ answers: [{ status: 400, body } as never] });
    const { attempt_log } = await attemptOne(destination);
    expect(attempt_log[0].response_text).toBe("x".repeat(1_023));
  });

  it("for the last time and asks for peace has the others wait, and rings for its end", async () => {
    const destination = await only();
    await destination.receiver.set({
      answers: [{ status: 503, headers: { "retry-after": "60" } }],
    });
    await house.happen();
    await house.database.prepare("UPDATE deliveries SET tries = 6 WHERE lease IS NULL").run();
    house.sent();
    await house.deliver();
    const [delivery] = await house.deliveries(destination);
    expect(secondsLeft(delivery)).toBe(36_000);
    expect(house.sent()).toMatchObject([{ delaySeconds: 63 }]);
    clock.pass(62 * SECOND);
    await house.happen();
    await house.deliver();
    expect(await destination.receiver.arrived()).toHaveLength(1);
    clock.pass(SECOND);
    await house.deliver();
    expect(await destination.receiver.arrived()).toHaveLength(2);
  });

  it("through a fault of ours does not say what it was; the log does", async () => {
    const destination = await only();
    const [secret] = (await house.destination(destination)).secrets;
    await house.database
      .prepare("UPDATE destination_secrets SET sealed = 'v1.test.AAAA.BBBB' WHERE id = ?")
      .bind(secret.id)
      .run();
    const { result: delivery, entries } = await captureLogs(() => attemptOne(destination));
    expect(delivery).toMatchObject({
      status: "pending",
      attempts: 0,
      response_status: null,
      last_error: "Something went wrong on our side",
      attempt_log: [],
    });
    expect(secondsLeft(delivery)).toBe(63);
    expect(await house.destination(destination)).toMatchObject({ failing_since: null });
    const logged = entries.find(({ message }) => message === "delivery failed");
    expect(JSON.stringify(logged)).toContain("envelope malformed");
    expect(JSON.stringify(entries)).not.toContain(destination.secret);
    expect(await destination.receiver.arrived()).toEqual([]);
  });
});

function misbehaving(behaviour: string, query = ""): string {
  const { first } = inject("misbehaving");
  return `http://127.0.0.1:${first}/${behaviour}/${crypto.randomUUID()}${query}`;
}

describe("a destination", () => {
  it("that answers 410 is disabled at once, and what waited for it fails", async () => {
    const destination = await only();
    await destination.receiver.set({ answers: [...answers(1, { status: 500 }), { status: 410 }] });
    const waiting = await attemptOne(destination);
    const last = await attemptOne(destination);
    expect(last).toMatchObject({ status: "failed", attempts: 1, response_status: 410 });
    expect(await house.detail(destination, waiting.id)).toMatchObject({
      status: "failed",
      last_error: "The destination was disabled.",
    });
    const now = new Date().toISOString();
    expect(await house.destination(destination)).toMatchObject({
      status: "disabled",
      disabled_reason: "gone",
      disabled_at: now,
    });
    const [row, ...more] = await audited("destination.disabled", destination.id);
    expect([row?.reason, more]).toEqual(["gone", []]);
    await house.happen();
    expect(await house.deliveries(destination)).toHaveLength(2);
    clock.pass(DAY);
    await house.deliver();
    expect(await destination.receiver.arrived()).toHaveLength(2);
  });

  it("that failed twice, or thrice within 12 hours, has not failed for 5 days", async () => {
    const destination = await only();
    await destination.receiver.set({ answers: answers(20, { status: 500 }) });
    await failAlone(destination);
    clock.pass(5 * DAY);
    await failAlone(destination);
    clock.pass(12 * HOUR - 1);
    await failAlone(destination);
    expect(await house.destination(destination)).toMatchObject({ status: "enabled" });
    clock.pass(1);
    await attemptOne(destination);
    expect(await house.destination(destination)).toMatchObject({
      status: "disabled",
      disabled_reason: "failing",
    });
  });

  it("that has failed for 5 days is disabled by the next failure, and not before", async ({
    task,
  }) => {
    const destination = await only();
    const { receiver } = destination;
    await receiver.set({ answers: answers(20, { status: 500 }) });
    const failedAt = new Date().toISOString();
    await failAlone(destination);
    expect(await house.destination(destination)).toMatchObject({ failing_since: failedAt });
    clock.pass(12 * HOUR);
    await failAlone(destination);
    clock.pass(12 * HOUR);
    await failAlone(destination);
    clock.pass(4 * DAY - 1);
    const before = await attemptOne(destination);
    expect(await house.destination(destination)).toMatchObject({
      status: "enabled",
      failing_since: failedAt,
    });
    clock.pass(1);
    const last = await attemptOne(destination);
    expect(await house.destination(destination)).toMatchObject({
      status: "disabled",
      disabled_reason: "failing",
      failing_since: failedAt,
    });
    for (const { id } of [before, last]) {
      expect(await house.detail(destination, id)).toMatchObject({
        status: "failed",
        next_attempt_at: null,
      });
    }
    const [row, ...more] = await audited("destination.disabled", destination.id);
    expect([row?.reason, more]).toEqual(["failing", []]);
    const enabled = await house.ask("PUT", destination.path, { status: "enabled" });
    expect(enabled.json).toMatchObject({
      status: "enabled",
      disabled_reason: null,
      disabled_at: null,
      failing_since: null,
    });
    expect(await house.actions(destination.id)).toContain("destination.enabled");
    await attemptOne(destination);
    expect(await house.destination(destination)).toMatchObject({ status: "enabled" });
    showFigures(task, "disabled at 5 days, enabled 1 ms before; 1 audit row");
  });

  it("is disabled in the commit that ends the attempt and writes it down, or not at all", async () => {
    const destination = await only();
    await destination.receiver.set({ answers: answers(2, { status: 410 }) });
    await house.database
      .prepare(
        `CREATE TRIGGER refuse BEFORE INSERT ON audit_log WHEN NEW.action = 'destination.disabled'
          BEGIN SELECT RAISE(ABORT, 'refused'); END`,
      )
      .run();
    const delivery = await attemptOne(destination);
    await house.database.prepare("DROP TRIGGER refuse").run();
    expect(delivery).toMatchObject({ status: "sending", response_status: null });
    expect(await house.destination(destination)).toMatchObject({ status: "enabled" });
    clock.pass(MINUTE);
    await house.deliver();
    expect(await house.detail(destination, delivery.id)).toMatchObject({
      status: "failed",
      attempts: 2,
      attempt_log: [{ outcome: "lost" }, { outcome: "failed" }],
    });
    expect(await house.destination(destination)).toMatchObject({ status: "disabled" });
    expect(await audited("destination.disabled", destination.id)).toHaveLength(1);
  });

  it("that takes one delivery in between has not failed for 5 days", async () => {
    const destination = await only();
    await destination.receiver.set({ answers: [{ status: 500 }, { status: 204 }] });
    await attemptOne(destination);
    clock.pass(3 * DAY);
    await house.deliver();
    expect(await house.destination(destination)).toMatchObject({ failing_since: null });
    await destination.receiver.set({ answers: answers(3, { status: 500 }) });
    await attemptOne(destination);
    clock.pass(3 * DAY);
    await attemptOne(destination);
    expect(await house.destination(destination)).toMatchObject({
      status: "enabled",
      failing_since: new Date(Date.now() - 3 * DAY).toISOString(),
    });
  });

  it("whose breaker is open gets nothing, and no attempt is used", async ({ task }) => {
    const destination = await only();
    const { receiver } = destination;
    await receiver.set({ answers: answers(5, { status: 500 }) });
    for (let nth = 1; nth <= 5; nth++) await attemptOne(destination);
    const postponed = await attemptOne(destination);
    expect(await receiver.arrived()).toHaveLength(5);
    expect(postponed).toMatchObject({
      status: "pending",
      attempts: 0,
      attempt_log: [],
      last_error: null,
    });
    const left = secondsLeft(postponed);
    expect(left).toBeGreaterThan(30);
    expect(left).toBeLessThanOrEqual(120);
    // Neither is anything else, though it is more than one run takes.
    await house.database
      .prepare(
        `INSERT INTO deliveries (id, destination_id, event_id, type, sample, status, attempts, tries,
            due_at, created_at)
          SELECT value, ?1, replace(value, 'delivery', 'event'), 'a.b', '{}', 'pending', 0, 0, ?2, ?2
          FROM json_each(?3)`,
      )
      .bind(
        destination.id,
        Date.now(),
        JSON.stringify(Array.from({ length: 40 }, () => newId("delivery"))),
      )
      .run();
    house.sent();
    await house.deliver({}, { again: true });
    await house.deliver();
    // They stay as they are: it is the destination that is paused.
    const due = "SELECT count(*) AS n FROM deliveries WHERE destination_id = ? AND due_at = ?";
    const stillDue = house.database.prepare(due).bind(destination.id, Date.now());
    expect(await stillDue.first("n")).toBe(40);
    expect(house.sent()).toEqual([]);
    expect(await house.destination(destination)).toMatchObject({
      paused_until: postponed.next_attempt_at,
    });
    await house.database.prepare("DELETE FROM deliveries WHERE sample IS NOT NULL").run();
    const waiting = await house.happen();
    clock.pass(10 * SECOND);
    await house.deliver();
    expect(await receiver.arrived()).toHaveLength(5);
    clock.pass(10 * MINUTE);
    for (let bells = 0; bells < 10; bells++) {
      await house.deliver();
      await house.deliver({}, { again: true });
      clock.pass(MINUTE);
    }
    const all = await house.deliveries(destination);
    expect(all.map(({ status }) => status)).toEqual(Array(7).fill("delivered"));
    expect(all.map(({ attempts }) => attempts)).toEqual([1, 1, 2, 2, 2, 2, 2]);
    expect(all[0].event_id).toBe(waiting);
    showFigures(task, "5 failures open the breaker; 2 deliveries postponed with 0 attempts");
  });
});

it("is nothing to one that is well", async () => {
  const sick = await only({ url: misbehaving("cut") });
  const receiver = newReceiver();
  const well = await house.addDestination({ url: receiver.url });
  for (let nth = 1; nth <= 8; nth++) await attemptOne(well);
  expect((await house.deliveries(well)).map(({ attempts }) => attempts)).toEqual(Array(8).fill(1));
  expect((await house.deliveries(sick)).every(({ status }) => status === "pending")).toBe(true);
});
