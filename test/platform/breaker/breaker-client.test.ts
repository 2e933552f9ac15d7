import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Bindings } from "../../../src/env.ts";
import type { CircuitBreaker } from "../../../src/platform/breaker/circuit-breaker.ts";
import {
  acquire,
  BREAKER_DEFAULTS,
  type BreakerOrder,
  type BreakerRef,
  breakerView,
  tellOrder,
} from "../../../src/platform/breaker/index.ts";
import { createObjects } from "../../../src/platform/objects.ts";
import { createLogger } from "../../../src/platform/observe/logger.ts";
import { createMeter } from "../../../src/platform/observe/meter.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { captureLogs } from "../../support/captured-logs.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { showFigures } from "../../support/figures.ts";
import { bindings } from "../../support/worker.ts";

const clock = standingClock();
const CALL_MS = 10 * SECOND;
const AUTOMATIC: BreakerOrder = { mode: "automatic", version: 0 };

let key = "";
let made = 0;

beforeEach(() => {
  key = `service:${made++}`;
});

/** A caller of one tenant, and the trips that it makes. */
function caller(env: Bindings = bindings, id = "tenant_a") {
  const meter = createMeter();
  const realm = { id, slug: "a", origin: "http://a.rowhouse.test" };
  return { realm, meter, log: createLogger(), objects: createObjects(env, meter) };
}
type Caller = ReturnType<typeof caller>;

function ref(order = AUTOMATIC): BreakerRef {
  return { key, options: BREAKER_DEFAULTS, order };
}

/** The object itself, as other isolates reach it. */
function elsewhere(): CircuitBreaker {
  return bindings.CIRCUIT_BREAKER.getByName(`tenant_a/${key}`) as unknown as CircuitBreaker;
}

async function call(ctx: Caller, outcome: "success" | "failure", order?: BreakerOrder) {
  const permit = await acquire(ctx, ref(order), CALL_MS);
  await permit.report(outcome, 5);
}

async function opened(ctx: Caller): Promise<void> {
  for (let nth = 0; nth < BREAKER_DEFAULTS.minimum_calls; nth++) await call(ctx, "failure");
}

/** Seconds after which the refused one is to come back. */
async function refusedFor(ctx: Caller, order?: BreakerOrder): Promise<number> {
  const failure: unknown = await acquire(ctx, ref(order), CALL_MS).catch((error) => error);
  expect(failure).toBeInstanceOf(Failure);
  const { code, options } = failure as Failure;
  expect(code).toBe("circuit-open");
  expect(Number.isInteger(options.retryAfter)).toBe(true);
  return options.retryAfter ?? 0;
}

describe("what it costs", () => {
  it("is one object call for a call in a steady stream", async ({ task }) => {
    const ctx = caller();
    const calls = 200;
    for (let nth = 0; nth < calls; nth++) {
      await call(ctx, "success");
      clock.pass(100);
    }
    showFigures(task, `${ctx.meter.objectCalls} object calls for ${calls} calls`);
    expect(ctx.meter.objectCalls).toBe(calls + 1);
  });

  it("is nothing while it is open", async ({ task }) => {
    const ctx = caller();
    await opened(ctx);
    ctx.meter.objectCalls = 0;
    const told = await refusedFor(ctx);
    expect(told).toBeGreaterThanOrEqual(48);
    expect(told).toBeLessThanOrEqual(60);
    for (let nth = 1; nth < 100; nth++) await refusedFor(ctx);
    clock.pass(40 * SECOND);
    expect(told - (await refusedFor(ctx))).toBe(40);
    showFigures(task, `${ctx.meter.objectCalls} object calls for 101 refusals`);
    expect(ctx.meter.objectCalls).toBe(0);
    // And whoever comes back when it was told to is let through.
    clock.pass((told - 40) * SECOND);
    await acquire(ctx, ref(), CALL_MS);
    expect(ctx.meter.objectCalls).toBe(1);
  });

  it("is nothing when somebody has ordered what to do", async () => {
    const ctx = caller();
    expect(await refusedFor(ctx, { mode: "forced_open", version: 1 })).toBe(60);
    await call(ctx, "failure", { mode: "disabled", version: 2 });
    expect(ctx.meter.objectCalls).toBe(0);
  });
});

describe("what an isolate was told", () => {
  it("that all is well counts for a second", async () => {
    const ctx = caller();
    await call(ctx, "success");
    const other = elsewhere();
    const { epoch } = await other.acquire({ id: "other", callMs: CALL_MS, ...ref() });
    for (let nth = 0; nth < 9; nth++) {
      const ended = { id: `other-${nth}`, epoch, outcome: "failure", durationMs: 5 } as const;
      await other.report({ ...ended, ...ref() });
    }
    clock.pass(SECOND - 1);
    await acquire(ctx, ref(), CALL_MS);
    clock.pass(1);
    await refusedFor(ctx);
  });

  it("is not waited for when there is a newer order", async () => {
    const ctx = caller();
    await opened(ctx);
    await refusedFor(ctx);
    await call(ctx, "success", { mode: "automatic", version: 1 });
    expect(await breakerView(ctx, ref())).toMatchObject({ state: "closed", order_version: 1 });
    // Whoever has read the older order is let through too.
    await acquire(ctx, ref(), CALL_MS);
  });

  it("stands above an order that the caller has read too early", async () => {
    const ctx = caller();
    await call(ctx, "success", { mode: "automatic", version: 5 });
    await acquire(ctx, ref({ mode: "forced_open", version: 4 }), CALL_MS);
    await tellOrder(ctx, ref({ mode: "forced_open", version: 6 }));
    clock.pass(SECOND);
    expect(await refusedFor(ctx, { mode: "automatic", version: 5 })).toBe(60);
    await refusedFor(ctx, { mode: "disabled", version: 4 });
  });

  it("is not undone by an answer that was overtaken", async () => {
    const ctx = caller();
    const [given, arrived] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const report = async (question: Parameters<CircuitBreaker["report"]>[0]) => {
      const answer = await elsewhere().report(question);
      given.resolve();
      await arrived.promise;
      return answer;
    };
    const getByName = () => ({ report });
    const slow = caller({ ...bindings, CIRCUIT_BREAKER: { getByName } } as unknown as Bindings);
    await call(ctx, "success");
    const permit = await acquire(slow, ref(), CALL_MS);
    const reporting = permit.report("success", 5);
    await given.promise;
    for (let nth = 0; nth < 3; nth++) await call(ctx, "failure");
    await refusedFor(ctx);
    arrived.resolve();
    await reporting;
    await refusedFor(ctx);
  });

  it("is another tenant's business as little as its breaker", async () => {
    await opened(caller());
    await refusedFor(caller());
    await call(caller(bindings, "tenant_b"), "success");
  });
});

it("spreads those who come while it is being tried over the slow start", async () => {
  const ctx = caller();
  await opened(ctx);
  clock.pass(MINUTE);
  const options = BREAKER_DEFAULTS;
  for (let nth = 0; nth < options.permitted_calls_in_half_open; nth++) {
    await acquire(ctx, ref(), CALL_MS);
  }
  const told = new Set<number>();
  for (let nth = 0; nth < 200; nth++) told.add(await refusedFor(ctx));
  expect(Math.min(...told)).toBeGreaterThanOrEqual(1);
  expect(Math.max(...told)).toBeLessThanOrEqual(options.slow_start_ms / SECOND + 1);
  expect(told.size).toBeGreaterThan(5);
});

describe("an object that does not answer", () => {
  /** Bindings whose breakers fail for as long as `isDown` says, before or after they have answered. */
  function failing(isDown: () => boolean, when: "before" | "after", retryable: boolean): Bindings {
    const lost = () => Object.assign(new Error("Network connection lost."), { retryable });
    const getByName = (name: string) => {
      const real = bindings.CIRCUIT_BREAKER.getByName(name) as unknown as CircuitBreaker;
      const through =
        <Q, A>(ask: (question: Q) => Promise<A>) =>
        async (question: Q) => {
          if (!isDown()) return ask(question);
          if (when === "after") await ask(question);
          throw lost();
        };
      return {
        acquire: through((question: Parameters<CircuitBreaker["acquire"]>[0]) =>
          real.acquire(question),
        ),
        report: through((question: Parameters<CircuitBreaker["report"]>[0]) =>
          real.report(question),
        ),
        view: through((question: Parameters<CircuitBreaker["view"]>[0]) => real.view(question)),
      };
    };
    return { ...bindings, CIRCUIT_BREAKER: { getByName } } as unknown as Bindings;
  }

  it("lets calls go ahead, and says so once a second", async () => {
    let isDown = true;
    const ctx = caller(failing(() => isDown, "before", false));
    const { entries } = await captureLogs(async () => {
      for (let nth = 0; nth < 100; nth++) await call(ctx, "failure");
    });
    expect(ctx.meter.objectCalls).toBe(1);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({ level: "warn", breaker: key });
    isDown = false;
    clock.pass(SECOND);
    await opened(ctx);
    await refusedFor(ctx);
  });

  it("fails no report", async () => {
    let isDown = false;
    const ctx = caller(failing(() => isDown, "before", false));
    const permit = await acquire(ctx, ref(), CALL_MS);
    isDown = true;
    const { entries } = await captureLogs(() => permit.report("success", 5));
    expect(entries).toHaveLength(1);
  });

  it("keeps nobody waiting for longer than half a second, and its loss is logged", async () => {
    const { promise: answer, reject } = Promise.withResolvers<never>();
    const real = caller();
    const permit = await acquire(real, ref(), CALL_MS);
    const slow = caller();
    const objects = { ...slow.objects, ask: () => answer };
    const reporting = await acquire({ ...slow, objects }, ref(), CALL_MS);
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    let isOver = false;
    const { entries } = await captureLogs(async () => {
      const ended = reporting.report("failure", 5).then(() => {
        isOver = true;
      });
      await vi.advanceTimersByTimeAsync(499);
      expect(isOver).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await ended;
      reject(new Error("lost"));
      await answer.catch(() => {});
      await Promise.resolve();
    });
    expect(entries.map(({ message }) => message)).toEqual([
      "A circuit breaker is slow to take a report.",
      "A circuit breaker does not answer; calls go ahead.",
    ]);
    await permit.report("success", 5);
  });

  it("makes nobody forget that it was open", async () => {
    const ctx = caller(failing(() => true, "before", false));
    await call(caller(), "success");
    const permit = await acquire(ctx, ref(), CALL_MS);
    for (let nth = 0; nth < 4; nth++) await call(caller(), "failure");
    await captureLogs(() => permit.report("success", 5));
    await refusedFor(ctx);
  });

  it("is asked twice, and counts once", async () => {
    let losses = 0;
    const ctx = caller(failing(() => losses++ % 2 === 0, "after", true));
    await opened(ctx);
    expect(losses).toBe(12);
    clock.pass(MINUTE);
    await acquire(ctx, ref(), CALL_MS);
    expect(await breakerView(caller(), ref())).toMatchObject({
      state: "half_open",
      half_open_permits_in_use: 1,
    });
  });

  it("shows nothing, but an order is followed all the same", async () => {
    const ctx = caller(failing(() => true, "before", false));
    const shown: unknown = await breakerView(ctx, ref()).catch((error) => error);
    expect(shown).toMatchObject({ code: "not-ready" });
    const order = { mode: "forced_open", version: 3 } as const;
    const { entries } = await captureLogs(() => tellOrder(ctx, ref(order)));
    expect(entries).toHaveLength(1);
    await refusedFor(ctx, order);
  });
});
