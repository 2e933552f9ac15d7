import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { CircuitBreaker } from "../../../src/platform/breaker/circuit-breaker.ts";
import { BREAKER_DEFAULTS, BREAKER_STATES } from "../../../src/platform/breaker/index.ts";
import type { BreakerRules } from "../../../src/platform/breaker/options.ts";
import {
  breakerLives,
  breakerOptions,
  live,
  newLife,
  type Subject,
} from "../../support/breaker-commands.ts";
import { MINUTE, SECOND, standingClock } from "../../support/clock.ts";
import { evict } from "../../support/evict.ts";
import { showFigures } from "../../support/figures.ts";
import { holds } from "../../support/property.ts";
import { bindings, DEEP } from "../../support/worker.ts";

const TRACES = DEEP ? 1_000 : 50;

const clock = standingClock();

/** What the object adds to a call's time before its permit counts as lost. */
const REPORT_MS = 5 * SECOND;
const CALL_MS = 10 * SECOND;
const RULES: BreakerRules = { options: BREAKER_DEFAULTS, order: { mode: "automatic", version: 0 } };

let made = 0;

/** A breaker of its own, in its object. */
function newBreaker() {
  const stub = bindings.CIRCUIT_BREAKER.getByName(`breaker ${made++}`);
  return { stub, breaker: stub as unknown as CircuitBreaker };
}

function objectSubject(): Subject & { readonly evictions: () => number } {
  const { stub, breaker } = newBreaker();
  let evictions = 0;
  return {
    setTime: (now) => {
      vi.setSystemTime(now);
    },
    async evict() {
      evictions += 1;
      await evict(stub);
    },
    acquire: (call) => breaker.acquire(call),
    report: (call) => breaker.report(call),
    view: (rules) => breaker.view(rules),
    evictions: () => evictions,
  };
}

async function failTimes(breaker: CircuitBreaker, times: number, epoch = 0): Promise<void> {
  for (let nth = 0; nth < times; nth++) {
    const call = {
      id: `failed-${epoch}-${nth}`,
      epoch,
      outcome: "failure",
      durationMs: 5,
    } as const;
    await breaker.report({ ...call, ...RULES });
  }
}

/** Opens it, and lets the time pass until it may be tried. */
async function openedLongAgo(breaker: CircuitBreaker): Promise<void> {
  await failTimes(breaker, BREAKER_DEFAULTS.minimum_calls);
  expect((await breaker.view(RULES)).state).toBe("open");
  clock.pass(MINUTE);
}

describe("the object", () => {
  it("does what the plain reference does, with evictions between any two questions", {
    timeout: 600_000,
  }, async ({ task }) => {
    const transitions = new Map<string, number>();
    let evictions = 0;
    await holds(
      "breaker object against the reference",
      [breakerOptions, breakerLives(100, true)],
      async (options, commands) => {
        const subject = objectSubject();
        const life = newLife(options, transitions);
        // Who only looks leaves nothing behind: its time begins with the first call.
        subject.setTime(life.now);
        await subject.acquire({ ...RULES, options, id: "first", callMs: CALL_MS });
        await live(life, subject, commands);
        evictions += subject.evictions();
      },
      TRACES,
    );
    const total = [...transitions.values()].reduce((left, right) => left + right, 0);
    showFigures(task, `${TRACES} traces, ${evictions} evictions, ${total} transitions`);
    expect(evictions).toBeGreaterThan(TRACES);
  });

  it("gives exactly its half-open permits to 100 callers at once", async ({ task }) => {
    for (const permitted of [1, 3, 10]) {
      const options = { ...BREAKER_DEFAULTS, permitted_calls_in_half_open: permitted };
      const { breaker } = newBreaker();
      await openedLongAgo(breaker);
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, nth) =>
          breaker.acquire({ id: `caller-${nth}`, callMs: CALL_MS, ...RULES, options }),
        ),
      );
      const got = answers.filter(({ isPermitted }) => isPermitted).length;
      showFigures(task, `${got} of 100 callers got the ${permitted} permits`);
      expect(got).toBe(permitted);
    }
  });

  it("gives one permit to a caller who has to ask twice", async () => {
    const { breaker } = newBreaker();
    await openedLongAgo(breaker);
    const ask = () => breaker.acquire({ id: "caller", callMs: CALL_MS, ...RULES });
    const answers = await Promise.all([ask(), ask(), ask(), ask()]);
    expect(answers.map(({ isPermitted }) => isPermitted)).toEqual([true, true, true, true]);
    expect((await breaker.view(RULES)).half_open_permits_in_use).toBe(1);
  });

  it("frees the permits of callers who are lost, and is not jammed", async () => {
    const { stub, breaker } = newBreaker();
    await openedLongAgo(breaker);
    const ask = (id: string) => breaker.acquire({ id, callMs: CALL_MS, ...RULES });
    const lost = await Promise.all(["a", "b", "c", "d"].map(ask));
    expect(lost.map(({ isPermitted }) => isPermitted)).toEqual([true, true, true, false]);
    clock.pass(CALL_MS + REPORT_MS - 1);
    expect((await ask("e")).isPermitted).toBe(false);
    clock.pass(1);
    await evict(stub);
    const { epoch, isPermitted } = await ask("f");
    expect(isPermitted).toBe(true);
    // What comes back after all comes too late to count.
    await breaker.report({ id: "a", epoch, outcome: "failure", durationMs: 5, ...RULES });
    expect(await breaker.view(RULES)).toMatchObject({
      state: "half_open",
      calls: 0,
      half_open_permits_in_use: 1,
    });
  });
});

it("that is only looked at is not written down", async () => {
  const { stub, breaker } = newBreaker();
  const kept = () => runInDurableObject(stub, (_, { storage }) => [...storage.kv.list()].length);
  expect(await breaker.view(RULES)).toMatchObject({ state: "closed", order_version: 0 });
  expect(await kept()).toBe(0);
  await breaker.view({ ...RULES, order: { mode: "forced_open", version: 1 } });
  expect(await kept()).toBe(1);
});

describe("an eviction", () => {
  it.each(BREAKER_STATES)("leaves it %s", async (state) => {
    const { stub, breaker } = newBreaker();
    const mode = state === "forced_open" || state === "disabled" ? state : "automatic";
    const rules = { ...RULES, order: { mode, version: mode === "automatic" ? 0 : 7 } } as const;
    if (state === "closed") await failTimes(breaker, BREAKER_DEFAULTS.minimum_calls - 1);
    if (state === "open") await failTimes(breaker, BREAKER_DEFAULTS.minimum_calls);
    if (state === "half_open") {
      await openedLongAgo(breaker);
      await breaker.acquire({ id: "probe", callMs: CALL_MS, ...rules });
    }
    const before = await breaker.view(rules);
    expect(before.state).toBe(state);
    await evict(stub);
    clock.pass(1);
    // Not told again what was ordered.
    const after = await breaker.view(RULES);
    const passed = before.retry_in_ms === null ? null : before.retry_in_ms - 1;
    expect(after).toEqual({ ...before, retry_in_ms: passed });
  });
});

it("is kept in a few bytes, however many calls it judges by", async ({ task }) => {
  const { stub, breaker } = newBreaker();
  const options = { ...BREAKER_DEFAULTS, sliding_window_size: 1_000, minimum_calls: 1_000 };
  for (let nth = 0; nth < 1_100; nth++) {
    const call = { id: `call-${nth}`, epoch: 0, outcome: "success", durationMs: 5 } as const;
    await breaker.report({ ...call, ...RULES, options });
  }
  const bytes = await runInDurableObject(stub, (_, { storage }) => {
    return JSON.stringify([...storage.kv.list()]).length;
  });
  showFigures(task, `${bytes} bytes for 1,000 calls`);
  expect(bytes).toBeLessThan(2_000);
});
