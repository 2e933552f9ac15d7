import { describe, expect, inject, it } from "vitest";
import { BREAKER_DEFAULTS } from "../../../src/platform/breaker/index.ts";
import { standingClock } from "../../support/clock.ts";
import { caller, newPlace, steppedMeans } from "../../support/outbound.ts";

const request = { repeatable: true };
const flaky = (status: string | number, times: number, after?: string) => ({
  status: String(status),
  times: String(times),
  ...(after === undefined ? {} : { "retry-after": after }),
});

describe("what may be asked twice", () => {
  it("is asked again until it is well", async () => {
    const ctx = caller();
    const place = newPlace();
    const { means, pauses } = steppedMeans();
    const { answer } = await place.call(ctx, place.url("flaky", flaky(503, 2)), { request, means });
    expect(answer).toMatchObject({ status: 200, attempts: 3, durationMs: 300 });
    // The longest pauses that jitter may choose: 100 ms, and twice that.
    expect(pauses).toEqual([100, 200]);
    expect(await place.seen()).toHaveLength(3);
    expect(await place.heard(ctx)).toMatchObject({ calls: 3, failed: 2 });
  });

  it.each([
    [0, [0, 0]],
    [0.5, [50, 100]],
  ])("with jitter from nothing on: %d", async (random, expected) => {
    const place = newPlace();
    const { means, pauses } = steppedMeans(random);
    await place.call(caller(), place.url("flaky", flaky(503, 2)), { request, means });
    expect(pauses).toEqual(expected);
  });

  it.each([
    [408, 3, 0],
    [429, 0, 0],
    [502, 3, 3],
    [503, 3, 3],
    [504, 3, 3],
    ["cut", 3, 3],
  ])("after %s, at most as often as the line says", async (status, calls, failed) => {
    const ctx = caller();
    const place = newPlace();
    const { means } = steppedMeans();
    const { answer, failure } = await place.call(ctx, place.url("flaky", flaky(status, 9)), {
      request,
      means,
    });
    if (status === "cut") expect(failure?.code).toBe("downstream-unreachable");
    else expect(answer).toMatchObject({ status, attempts: 3 });
    expect(await place.seen()).toHaveLength(3);
    expect(await place.heard(ctx)).toMatchObject({ calls, failed });
  });

  it("after a connection that broke", async () => {
    const place = newPlace();
    const { means } = steppedMeans();
    const { answer } = await place.call(caller(), place.url("flaky", flaky("cut", 1)), {
      request: { repeatable: true, method: "PUT", body: new TextEncoder().encode("same") },
      means,
    });
    expect(answer).toMatchObject({ status: 200, attempts: 2 });
    expect((await place.seen()).map(({ method, body }) => [method, body])).toEqual([
      ["PUT", "same"],
      ["PUT", "same"],
    ]);
  });

  it("is tried in vain where nobody listens", async () => {
    const ctx = caller();
    const place = newPlace();
    const { means, pauses } = steppedMeans();
    const url = place.url("echo", {}, inject("misbehaving").dead);
    const { failure } = await place.call(ctx, url, { request, means });
    expect(failure?.code).toBe("downstream-unreachable");
    expect(pauses).toEqual([100, 200]);
    expect(await place.heard(ctx)).toMatchObject({ calls: 3, failed: 3 });
  });

  it.each([400, 401, 404, 409, 422, 500, 501])("is not asked again after %i", async (status) => {
    const place = newPlace();
    await place.call(caller(), place.url("flaky", flaky(status, 9)), { request });
    expect(await place.seen()).toHaveLength(1);
  });

  it.each(["flood", "circle"])("nor after an answer of no use: %s", async (behaviour) => {
    const ctx = caller();
    const place = newPlace();
    const { failure } = await place.call(ctx, place.url(behaviour), { request });
    expect(failure?.code).toBe("downstream-answer");
    expect(await place.heard(ctx)).toMatchObject({ calls: 1 });
  });
});

describe("what may not be asked twice", () => {
  it.each([503, "cut"])("is not, after %s", async (status) => {
    const place = newPlace();
    await place.call(caller(), place.url("flaky", flaky(status, 9)), {
      request: { method: "POST" },
    });
    expect(await place.seen()).toHaveLength(1);
  });
});

describe("Retry-After", () => {
  const start = steppedMeans().now();
  const inSeconds = (seconds: number) => new Date(start + seconds * 1_000).toUTCString();

  it.each([
    ["3", [3_000, 3_000]],
    ["0", [100, 200]],
    [inSeconds(4), [4_000, 200]],
    [inSeconds(-60), [100, 200]],
    ["soon", [100, 200]],
    ["-1", [100, 200]],
    ["1.5", [100, 200]],
  ])("%s is waited for, if it says anything", async (after, expected) => {
    const place = newPlace();
    const { means, pauses } = steppedMeans();
    const { answer } = await place.call(caller(), place.url("flaky", flaky(503, 2, after)), {
      request,
      means,
    });
    expect(answer?.status).toBe(200);
    expect(pauses).toEqual(expected);
  });

  it.each(["10", "3600", "99999999999999999999", inSeconds(10)])(
    "%s, which is too long for the call, is the caller's",
    async (after) => {
      const place = newPlace();
      const { means, pauses } = steppedMeans();
      const { answer } = await place.call(caller(), place.url("flaky", flaky(429, 9, after)), {
        request,
        means,
      });
      expect(answer).toMatchObject({ status: 429, attempts: 1 });
      expect(answer?.headers.get("retry-after")).toBe(after);
      expect(pauses).toEqual([]);
      expect(await place.seen()).toHaveLength(1);
    },
  );

  it("fits when it ends before the time is over", async () => {
    const place = newPlace();
    const { means, pauses } = steppedMeans();
    const url = place.url("flaky", flaky(503, 9, "4"));
    const { answer } = await place.call(caller(), url, { request, means });
    // Two times four seconds of ten; a third attempt is the last anyway.
    expect(answer).toMatchObject({ status: 503, attempts: 3 });
    expect(pauses).toEqual([4_000, 4_000]);
    const hasty = newPlace({ timeoutMs: 8_000 });
    const short = await hasty.call(caller(), hasty.url("flaky", flaky(503, 9, "4")), {
      request,
      means: steppedMeans().means,
    });
    expect(short.answer).toMatchObject({ status: 503, attempts: 2 });
  });
});

describe("a breaker", () => {
  const breaker = { ...BREAKER_DEFAULTS, minimum_calls: 2, sliding_window_size: 2 };

  it("that opens between attempts leaves the caller with what there is", async () => {
    const ctx = caller();
    const place = newPlace({ breaker, retry: { maxAttempts: 5, baseMs: 100 } });
    const { means } = steppedMeans();
    const url = place.url("flaky", flaky(503, 9));
    const { answer } = await place.call(ctx, url, { request, means });
    expect(answer).toMatchObject({ status: 503, attempts: 2 });
    expect((await place.heard(ctx)).state).toBe("open");
    const next = await place.call(ctx, url, { request, means });
    expect(next.failure?.code).toBe("circuit-open");
    expect(next.failure?.options.retryAfter).toBeGreaterThan(0);
    expect(await place.seen()).toHaveLength(2);
  });

  it("leaves an error too", async () => {
    const place = newPlace({ breaker, retry: { maxAttempts: 5, baseMs: 100 } });
    const { means } = steppedMeans();
    const { failure } = await place.call(caller(), place.url("cut"), { request, means });
    expect(failure?.code).toBe("downstream-unreachable");
    expect(await place.seen()).toHaveLength(2);
  });

  it("that is ordered open lets nothing through", async () => {
    const place = newPlace({ breaker, order: { mode: "forced_open", version: 2 } });
    const { failure } = await place.call(caller(), place.url("echo"));
    expect(failure?.code).toBe("circuit-open");
    expect(await place.seen()).toHaveLength(0);
  });

  it("that does not answer costs no more than the call's time", async () => {
    const ctx = caller();
    const objects = { ...ctx.objects, ask: () => new Promise<never>(() => {}) };
    const place = newPlace({ timeoutMs: 100 });
    const { failure } = await place.call({ ...ctx, objects }, place.url("echo"));
    expect([failure?.code, failure?.message]).toEqual([
      "downstream-timeout",
      "There was no time left to call the service.",
    ]);
    expect(await place.seen()).toHaveLength(0);
  });
});

describe("a service's rate", () => {
  const clock = standingClock();
  const EXCEEDED = "The service is called at most 2 times a second.";

  it("is kept", async () => {
    const ctx = caller();
    const place = newPlace({ ratePerSecond: 2 });
    const outcomes = [];
    for (let nth = 0; nth < 4; nth++) outcomes.push(await place.call(ctx, place.url("echo")));
    expect(outcomes.map(({ answer }) => answer?.status)).toEqual([200, 200, undefined, undefined]);
    for (const { failure } of outcomes.slice(2)) {
      expect([failure?.code, failure?.message]).toEqual(["quota-exceeded", EXCEEDED]);
      expect(failure?.options).toMatchObject({
        retryAfter: expect.toSatisfy((seconds) => seconds === 1 || seconds === 2),
        extensions: { "violated-policies": ["service"] },
      });
    }
    expect(await place.seen()).toHaveLength(2);
    expect(await place.heard(ctx)).toMatchObject({ calls: 2, failed: 0 });
    clock.pass(2_000);
    expect((await place.call(ctx, place.url("echo"))).answer?.status).toBe(200);
  });

  it("is refused without asking anybody, once that is known", async () => {
    const real = caller();
    let asks = 0;
    const ask: typeof real.objects.ask = (...question) => {
      asks += 1;
      return real.objects.ask(...question);
    };
    const ctx = { ...real, objects: { ...real.objects, ask } };
    const place = newPlace({ ratePerSecond: 1 });
    for (let nth = 0; nth < 2; nth++) await place.call(ctx, place.url("echo"));
    const before = asks;
    expect(before).toBeGreaterThan(0);
    for (let nth = 0; nth < 10; nth++) {
      expect((await place.call(ctx, place.url("echo"))).failure?.code).toBe("quota-exceeded");
    }
    expect(asks).toBe(before);
  });

  it("is nobody's fault but ours while nobody keeps count", async () => {
    const real = caller();
    const ask: typeof real.objects.ask = (kind, ...question) =>
      kind === "RATE_LIMITER"
        ? Promise.reject(new Error("silent"))
        : real.objects.ask(kind, ...question);
    const ctx = { ...real, objects: { ...real.objects, ask } };
    const place = newPlace({ ratePerSecond: 100 });
    const outcomes = [];
    // A hundredth is let through all the same; the third is refused before anybody is asked.
    for (let nth = 0; nth < 3; nth++) outcomes.push(await place.call(ctx, place.url("echo")));
    expect(outcomes.map(({ answer, failure }) => answer?.status ?? failure?.code)).toEqual([
      200,
      "overloaded",
      "overloaded",
    ]);
    expect(outcomes[2]?.failure?.options.retryAfter).toBe(1);
    expect(await place.heard(ctx)).toMatchObject({ calls: 1, failed: 0 });
  });

  it("counts attempts", async () => {
    const place = newPlace({ ratePerSecond: 2 });
    const { means } = steppedMeans();
    const url = place.url("flaky", flaky(503, 9));
    const { answer } = await place.call(caller(), url, { request, means });
    expect(answer).toMatchObject({ status: 503, attempts: 2 });
    expect(await place.seen()).toHaveLength(2);
  });

  it("is each service's and each tenant's own", async () => {
    const ctx = caller();
    const one = newPlace({ ratePerSecond: 1 });
    const other = newPlace({ ratePerSecond: 1 });
    expect((await one.call(ctx, one.url("echo"))).answer?.status).toBe(200);
    expect((await one.call(ctx, one.url("echo"))).failure?.code).toBe("quota-exceeded");
    expect((await other.call(ctx, other.url("echo"))).answer?.status).toBe(200);
    expect((await one.call(caller(), one.url("echo"))).answer?.status).toBe(200);
  });
});
