/** Handlers that call services: what a service that is sick, or slow, does to their events. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { callService } from "../../../src/features/calls/index.ts";
import { EventError, type WebhookHandler } from "../../../src/features/webhooks/handling.ts";
import { Failure, type ProblemCode } from "../../../src/platform/problems.ts";
import {
  addCalled,
  type CalledService,
  fresh,
  seen,
  servers,
} from "../../support/called-services.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { HOUR, MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { addUser } from "../../support/commit-steps.ts";
import { DRAIN, fine, rung } from "../../support/drains.ts";
import { handling, NOTHING, type QuietHouse, quietHouse } from "../../support/quiet-house.ts";

const clock = standingClock({
  between: 10 * SECOND,
  faked: ["Date", "setTimeout", "clearTimeout"],
});

const ONCE = { retry: { max_attempts: 1 } };
/** A handler as people write it: calls the service, and passes the event's id on. */
const calling = (service: CalledService, path: string): { handlers: WebhookHandler[] } =>
  handling(async (ctx, event) => {
    const { status, retryAfterSeconds } = await callService(ctx, service.slug, {
      method: "POST",
      path,
      body: event.payload,
      idempotencyKey: event.id,
    });
    if (status >= 400) {
      throw new EventError(`The service says ${status}.`, { retryAfterSeconds });
    }
    return { steps: [], audit: [{ action: "service.told", target: event.id }] };
  });
const throwing = (code: ProblemCode, retryAfter?: number) =>
  handling(async () => {
    throw new Failure(code, undefined, retryAfter === undefined ? {} : { retryAfter });
  });
const dueIn = async (house: QuietHouse, id: string) =>
  ((await house.event(id)).dueAt?.getTime() ?? 0) - Date.now();

describe("an event whose handler calls a service", () => {
  let house: QuietHouse;
  // Of its own each time: tokens end while the clock goes on.
  beforeEach(async () => {
    house = await quietHouse({ max_attempts: 2 });
  });
  const addService = (api: object) => addCalled(house.tenant, { ...ONCE, ...api });

  it("takes effect when the service has answered, which gets its id as idempotency key", async () => {
    const service = await addService({ idempotency_header: "Idempotency-Key" });
    const [id, place] = [await house.accept(fresh("evt")), fresh("told")];
    await house.drain(calling(service, `/echo/${place}`));
    expect(await house.event(id)).toMatchObject({ status: "completed", attempts: 1 });
    expect(await house.actions(id)).toEqual([
      "webhook.accepted",
      "webhook.completed",
      "service.told",
    ]);
    const [heard] = await seen(place);
    expect(heard?.headers["idempotency-key"]).toBe(id);
  });

  it("uses an attempt where the service fails, and no lease is lost", async () => {
    const service = await addService({ base_url: servers().dead });
    const id = await house.accept(fresh("evt"));
    const ends: unknown[] = [];
    for (let nth = 0; nth < 2; nth++) {
      await house.drain(calling(service, "/"));
      const { status, attempts, attemptsLeft, lastError } = await house.event(id);
      ends.push([status, attempts, attemptsLeft, lastError]);
      clock.pass(HOUR);
    }
    const text = "No whole answer came from the service.";
    expect(ends).toEqual([
      ["failed", 1, 1, text],
      ["dead_letter", 2, 0, text],
    ]);
  });

  it("waits while the breaker is open, without using an attempt, and goes on after it", async () => {
    const service = await addService({
      base_url: servers().dead,
      breaker: { minimum_calls: 1, open_ms: 60_000, slow_start_ms: 0 },
    });
    const [id, place] = [await house.accept(fresh("evt")), fresh("well")];
    const handler = calling(service, `/echo/${place}`);
    await house.drain(handler);
    expect(await house.event(id)).toMatchObject({ status: "failed", attemptsLeft: 1 });
    clock.pass(10 * SECOND);
    house.sent();
    const { entries } = await captureLogs(() => house.drain(handler));
    expect(entries.map(({ message }) => message)).toContain("webhook attempt postponed");
    const event = await house.event(id);
    expect(event).toMatchObject({
      status: "pending",
      attempts: 2,
      attemptsLeft: 1,
      lease: null,
      endedAt: null,
      lastError: "The called service is left in peace for now",
    });
    expect((await house.attempts(id)).map(({ outcome }) => outcome)).toEqual([
      "failed",
      "postponed",
    ]);
    // 60 s less a fifth at most, less the 10 s that have passed; and half of up to 5 s more.
    const wait = await dueIn(house, id);
    expect(wait).toBeGreaterThanOrEqual(38 * SECOND + 2_500);
    expect(wait).toBeLessThanOrEqual(50 * SECOND + 2_500);
    expect(rung(house)).toEqual([[DRAIN, {}, Math.ceil(wait / SECOND)]]);
    const shown = (await house.ask("GET", `/webhooks/events/${id}`)).json;
    expect(shown).toMatchObject({
      status: "pending",
      next_attempt_at: event.dueAt?.toISOString(),
      attempt_log: [{ outcome: "failed" }, { number: 2, outcome: "postponed" }],
    });
    expect(await house.actions(id)).toEqual(["webhook.accepted", "webhook.attempt_failed"]);
    expect(await house.actions()).toContain("webhook.postponed");
    // The service is back: the event's own turn is the trial that finds it out.
    await service.ask("PUT", "", {
      api: { base_url: servers().first, ...ONCE, breaker: service.json.api.breaker },
    });
    clock.pass(wait - 1);
    await house.drain(handler);
    expect((await house.event(id)).status).toBe("pending");
    clock.pass(1);
    await house.drain(handler);
    expect(await house.event(id)).toMatchObject({ status: "completed", attempts: 3 });
    expect(await seen(place)).toHaveLength(1);
  });

  it("waits for as long as it takes, keeps one row of it, and longer each time", async () => {
    const id = await house.accept(fresh("evt"));
    const waits: number[] = [];
    for (let nth = 1; nth <= 12; nth++) {
      await house.drain(throwing("circuit-open", 60));
      waits.push((await dueIn(house, id)) / SECOND);
      clock.pass(HOUR);
    }
    expect(waits).toEqual([62.5, 65, 70, 80, 100, 140, 220, 360, 360, 360, 360, 360]);
    const event = await house.event(id);
    expect(event).toMatchObject({ status: "pending", attempts: 12, attemptsLeft: 2 });
    expect(await house.attempts(id)).toMatchObject([{ number: 12, outcome: "postponed" }]);
    // And a failure after that is the first one: it pauses no longer than a first one does.
    await house.drain(throwing("downstream-timeout"));
    expect(await house.event(id)).toMatchObject({ status: "failed", attemptsLeft: 1 });
    expect(await dueIn(house, id)).toBe(5 * SECOND);
    clock.pass(HOUR);
    await house.drain(fine);
    expect((await house.event(id)).status).toBe("completed");
  });

  it.each<[string, ProblemCode]>([
    ["the rate of the service is reached", "quota-exceeded"],
    ["too many calls are under way", "overloaded"],
  ])("waits where %s", async (_, code) => {
    const id = await house.accept(fresh("evt"));
    await house.drain(throwing(code, 1));
    expect(await house.event(id)).toMatchObject({ status: "pending", attemptsLeft: 2 });
    expect(await dueIn(house, id)).toBe(3_500);
    clock.pass(HOUR);
    await house.drain(fine);
  });

  it("that was put off is called for again, whatever else is due meanwhile", async () => {
    const id = await house.accept(fresh("evt"));
    await house.drain(throwing("circuit-open", 600));
    const wait = await dueIn(house, id);
    // A bell that rang sooner was for another; its run is told of this one.
    clock.pass(wait - MINUTE);
    const other = await house.accept(fresh("evt"));
    house.sent();
    await house.drain(throwing("circuit-open", 1));
    expect((await house.event(other)).status).toBe("pending");
    const sooner = await dueIn(house, other);
    expect(rung(house)).toEqual([[DRAIN, {}, Math.ceil(sooner / SECOND)]]);
    clock.pass(sooner);
    await house.drain(fine);
    expect((await house.event(other)).status).toBe("completed");
    expect(rung(house)).toEqual([[DRAIN, {}, Math.ceil((MINUTE - sooner) / SECOND)]]);
    clock.pass(MINUTE);
    await house.drain(fine);
    expect((await house.event(id)).status).toBe("completed");
  });

  it.each([
    ["a failure that says so", throwing("downstream-answer", 120), 125],
    [
      "its own word",
      handling(async () => {
        throw new EventError("Not yet.", { retryAfterSeconds: 7_200 });
      }),
      7_205,
    ],
    [
      "a year, which is a day",
      handling(async () => {
        throw new EventError("Not yet.", { retryAfterSeconds: 31_536_000 });
      }),
      86_405,
    ],
    [
      "nothing",
      handling(async () => {
        throw new EventError("Not yet.");
      }),
      5,
    ],
  ])("is tried again no earlier than asked: %s", async (_, handler, seconds) => {
    const id = await house.accept(fresh("evt"));
    await house.drain(handler);
    expect(await house.event(id)).toMatchObject({ status: "failed", attemptsLeft: 1 });
    expect(await dueIn(house, id)).toBe(seconds * SECOND);
    clock.pass(25 * HOUR);
    await house.drain(fine);
  });

  it("is told by the service's own Retry-After", async () => {
    const service = await addService({});
    const id = await house.accept(fresh("evt"));
    const place = fresh("later");
    const slow = handling(async (ctx) => {
      const { status, retryAfterSeconds } = await callService(ctx, service.slug, {
        method: "POST",
        path: `/flaky/${place}`,
        query: { times: "1", status: "503", "retry-after": "300" },
      });
      if (status === 503) throw new EventError("It is busy.", { retryAfterSeconds });
      return NOTHING;
    });
    await house.drain(slow);
    expect(await dueIn(house, id)).toBe(305 * SECOND);
    clock.pass(305 * SECOND);
    await house.drain(slow);
    expect((await house.event(id)).status).toBe("completed");
  });

  it.each<ProblemCode>(["service-not-callable", "not-found", "content-too-large"])(
    "uses an attempt for %s: somebody has to look",
    async (code) => {
      const id = await house.accept(fresh("evt"));
      await house.drain(throwing(code));
      expect(await house.event(id)).toMatchObject({ status: "failed", attemptsLeft: 1 });
      clock.pass(HOUR);
      await house.drain(fine);
    },
  );

  it.each<ProblemCode>(["database-unavailable", "outcome-unknown", "not-ready"])(
    "loses its lease for %s, which is ours",
    async (code) => {
      const id = await house.accept(fresh("evt"));
      await house.drain(throwing(code));
      expect(await house.event(id)).toMatchObject({ status: "processing", attemptsLeft: 2 });
      clock.pass(HOUR);
      await house.drain(fine);
    },
  );
});

describe("a handler that takes too long", () => {
  it("uses an attempt after 20 seconds, and what it does later changes nothing", async () => {
    const house = await quietHouse();
    const id = await house.accept("evt");
    const { promise, resolve } = Promise.withResolvers<void>();
    let ended = false;
    const hanging = handling(async () => {
      await promise;
      ended = true;
      return { steps: [addUser("late@tenant.test")], audit: [{ action: "late.done" }] };
    });
    const began = Promise.withResolvers<void>();
    const drained = house.drain({
      handlers: [
        {
          types: "*",
          handle: (ctx, event) => {
            began.resolve();
            return hanging.handlers[0]?.handle(ctx, event) ?? Promise.resolve(NOTHING);
          },
        },
      ],
    });
    await began.promise;
    await vi.advanceTimersByTimeAsync(19_999);
    expect((await house.event(id)).status).toBe("processing");
    await vi.advanceTimersByTimeAsync(1);
    await drained;
    const failed = {
      status: "failed",
      attemptsLeft: 7,
      lastError: "It took too long: more than 20 seconds.",
    };
    expect(await house.event(id)).toMatchObject(failed);
    resolve();
    await vi.waitFor(() => expect(ended).toBe(true));
    expect(await house.event(id)).toMatchObject(failed);
    expect(await house.actions()).not.toContain("late.done");
  });
});
