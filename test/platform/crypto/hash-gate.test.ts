import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createHashGate,
  type GateClock,
  HashGateFull,
} from "../../../src/platform/crypto/hash-gate.ts";
import { holds } from "../../support/property.ts";

/** A clock that passes when it is told to. */
function handClock() {
  let time = 0;
  let sleepers: (() => void)[] = [];
  const clock: GateClock = {
    now: () => time,
    pause: () => new Promise((resolve) => sleepers.push(resolve)),
  };
  /** Lets `ms` pass; then everyone looks once, except the first `asleep` of them. */
  async function pass(ms: number, asleep = 0): Promise<void> {
    time += ms;
    const woken = sleepers.slice(asleep);
    sleepers = sleepers.slice(0, asleep);
    for (const wake of woken) wake();
    await settle();
  }
  return { clock, pass };
}

/** Until everything that can go on without time has gone on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

function task() {
  const { promise, resolve } = Promise.withResolvers<void>();
  let started = false;
  return {
    work: () => {
      started = true;
      return promise;
    },
    finish: () => resolve(),
    get started() {
      return started;
    },
  };
}

describe("the gate", () => {
  it("gives the outcome of the work", async () => {
    const gate = createHashGate(1);
    expect(await gate.run(async () => "done")).toBe("done");
    await expect(
      gate.run(async () => {
        throw new RangeError("no");
      }),
    ).rejects.toThrow(RangeError);
    expect(await gate.run(async () => "again")).toBe("again");
  });

  it("opens for the next one on the system's clock", async () => {
    const gate = createHashGate(1);
    const first = task();
    const running = gate.run(first.work);
    const next = gate.run(async () => "next");
    first.finish();
    await running;
    expect(await next).toBe("next");
  });

  it("refuses, without running it, what finds too many waiting", async () => {
    const { clock } = handClock();
    const gate = createHashGate(2, clock);
    const tasks = [task(), task(), task(), task()] as const;
    for (const each of tasks.slice(0, 3)) void gate.run(each.work);
    await expect(gate.run(tasks[3].work)).rejects.toBeInstanceOf(HashGateFull);
    expect(tasks.map((each) => each.started)).toEqual([true, false, false, false]);
  });

  it("lets nobody wait when nobody may", async () => {
    const gate = createHashGate(0, handClock().clock);
    void gate.run(task().work);
    await expect(gate.run(task().work)).rejects.toBeInstanceOf(HashGateFull);
  });

  it("keeps a newcomer behind those who wait, in the moment when nobody is at work", async () => {
    const { clock, pass } = handClock();
    const gate = createHashGate(2, clock);
    const [first, second, third] = [task(), task(), task()];
    void gate.run(first.work);
    void gate.run(second.work);
    first.finish();
    await settle();
    void gate.run(third.work);
    await settle();
    expect([second.started, third.started]).toEqual([false, false]);
    await pass(5);
    await pass(5);
    expect([second.started, third.started]).toEqual([true, false]);
  });

  it("gives the place of a waiter who stopped looking to others", async () => {
    const { clock, pass } = handClock();
    const gate = createHashGate(1, clock);
    const [first, gone, next] = [task(), task(), task()];
    void gate.run(first.work);
    void gate.run(gone.work);
    first.finish();
    await settle();
    await pass(1_999, 1);
    await expect(gate.run(next.work)).rejects.toBeInstanceOf(HashGateFull);
    await pass(1, 1);
    void gate.run(next.work);
    expect([gone.started, next.started]).toEqual([false, true]);
  });

  it("takes one back who was only late", async () => {
    const { clock, pass } = handClock();
    const gate = createHashGate(1, clock);
    const [first, late, other] = [task(), task(), task()];
    void gate.run(first.work);
    const waiting = gate.run(late.work);
    first.finish();
    await settle();
    await pass(2_000, 1);
    void gate.run(other.work);
    other.finish();
    await pass(5);
    await pass(5);
    late.finish();
    await expect(waiting).resolves.toBeUndefined();
  });

  it("is not opened by one who took too long and ends while another is at work", async () => {
    const { clock, pass } = handClock();
    const gate = createHashGate(2, clock);
    const [slow, second, third] = [task(), task(), task()];
    void gate.run(slow.work);
    void gate.run(second.work);
    void gate.run(third.work);
    await pass(1_500);
    await pass(500);
    await pass(5);
    expect([second.started, third.started]).toEqual([true, false]);
    slow.finish();
    await pass(5);
    await pass(5);
    expect(third.started).toBe(false);
    second.finish();
    await settle();
    await pass(5);
    await pass(5);
    expect(third.started).toBe(true);
  });

  it("has one at work, keeps the order, and refuses exactly when it is full", async () => {
    const steps = fc.array(fc.constantFrom("arrive", "finish", "look"), { maxLength: 40 });
    await holds("hash gate", [steps, fc.integer({ min: 0, max: 4 })], async (list, places) => {
      const { clock, pass } = handClock();
      const gate = createHashGate(places, clock);
      const begun: number[] = [];
      const admitted: number[] = [];
      const refusals: number[] = [];
      const full: unknown[] = [];
      const current: { finish?: () => void } = {};
      let atWork = 0;
      let most = 0;
      let waiting = 0;
      for (const [name, step] of list.entries()) {
        if (step === "look") {
          // Once to be let in, once for the breath before the work.
          await pass(5);
          await pass(5);
        }
        if (step === "finish") current.finish?.();
        if (step === "arrive") {
          const refused = (atWork > 0 || waiting > 0) && waiting >= places;
          if (!refused) {
            admitted.push(name);
            waiting += 1;
          }
          const outcome = gate.run(() => {
            begun.push(name);
            waiting -= 1;
            atWork += 1;
            most = Math.max(most, atWork);
            return new Promise<void>((resolve) => {
              current.finish = resolve;
            }).then(() => {
              atWork -= 1;
              delete current.finish;
            });
          });
          outcome.then(
            () => {},
            (error: unknown) => full.push(error instanceof HashGateFull ? name : error),
          );
          if (refused) refusals.push(name);
        }
        await settle();
        expect(begun).toEqual(admitted.slice(0, begun.length));
        expect(full).toEqual(refusals);
        expect(most).toBeLessThanOrEqual(1);
      }
    });
  });
});
