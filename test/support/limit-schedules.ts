import type { lendAll } from "../../src/platform/limits/account.ts";
import { takeFrom } from "../../src/platform/limits/lease-client.ts";
import type { Policy } from "../../src/platform/limits/ledger.ts";
import type { Purse } from "../../src/platform/limits/purses.ts";
import { createLru, type Lru } from "../../src/platform/lru.ts";
import { type Clock, createObject, type Fate, read } from "./limit-object.ts";
import { mostInAnyWindow } from "./limit-oracle.ts";
import { createTimeline } from "./limit-timeline.ts";

/** All that happens to an object and its isolates: plain data, so that it can be printed and run again. */
export interface Schedule {
  readonly object: Clock & { readonly evictions: readonly { at: number; jumpMs: number }[] };
  readonly isolates: readonly IsolateLife[];
  /** Which policies came when; the first at 0. */
  readonly policies: readonly {
    readonly at: number;
    readonly of: Readonly<Record<string, Policy>>;
  }[];
  readonly requests: readonly { at: number; isolate: number; keys: readonly string[] }[];
  /** Of the first question, the second, ... and again from the start. */
  readonly fates: readonly Fate[];
}

interface IsolateLife extends Clock {
  /** How many purses it can keep. */
  readonly purses: number;
  readonly evictedAt: readonly number[];
  /** How long after a change of policies it hears of it, in ms. */
  readonly hearsAfter: number;
}

export interface Outcome {
  /** Where more was admitted than the policy says. */
  readonly over: readonly string[];
  readonly admitted: number;
  readonly refused: number;
  /** Admitted while the object did not answer. */
  readonly unheard: number;
  readonly questions: number;
}

interface Admission {
  readonly time: number;
  readonly key: string;
  /** Isolate, with how often it was evicted. */
  readonly isolate: string;
  readonly unheard: boolean;
}

/** Runs a schedule around the limiter's own code, and has the oracle judge what was admitted. */
export async function runSchedule(schedule: Schedule, lend?: typeof lendAll): Promise<Outcome> {
  const { policies, isolates, fates } = schedule;
  const timeline = createTimeline();
  const object = createObject(timeline, schedule.object, lend);
  const purses = isolates.map((life) => createLru<Purse>(life.purses));
  const lives = isolates.map(() => 0);
  const admissions: Admission[] = [];
  let questions = 0;
  let refused = 0;
  // From when on each version of the policies is the only one that anybody acts on.
  const settledAt = policies.map(({ at }) => at + Math.max(...isolates.map((i) => i.hearsAfter)));
  const actedOn = (version: number) => {
    for (let later = version + 1; later < policies.length; later++) {
      settledAt[later] = Math.max(settledAt[later] ?? 0, timeline.now);
    }
  };

  for (const { at, jumpMs } of schedule.object.evictions) {
    timeline.at(at, () => object.evict(jumpMs));
  }
  isolates.forEach((life, isolate) => {
    for (const at of life.evictedAt) {
      timeline.at(at, () => {
        purses[isolate] = createLru<Purse>(life.purses);
        lives[isolate] = (lives[isolate] ?? 0) + 1;
      });
    }
  });
  for (const { at, isolate, keys } of schedule.requests) {
    timeline.at(at, () => {
      const life = isolates[isolate];
      const own = purses[isolate];
      if (!life || !own) return;
      const version = policies.findLastIndex((policy) => policy.at + life.hearsAfter <= at);
      const of = policies[Math.max(0, version)]?.of ?? {};
      void request(own, isolate, life, keys, of, Math.max(0, version));
    });
  }

  async function request(
    own: Lru<Purse>,
    isolate: number,
    clock: Clock,
    keys: readonly string[],
    of: Readonly<Record<string, Policy>>,
    version: number,
  ): Promise<void> {
    const lived = lives[isolate];
    const limits = keys.flatMap((key) => {
      const policy = of[key];
      return policy ? [{ name: key, key, policy }] : [];
    });
    const verdict = await takeFrom(own, "", limits, {
      now: () => read(clock, timeline.now),
      onError: () => {},
      ask: async (asks) => {
        const fate = fates[questions++ % fates.length];
        if (!fate) throw new Error("A schedule has at least one fate.");
        const loan = await object.ask(asks, fate, () => actedOn(version));
        // An isolate that is gone hears nothing.
        return lived === lives[isolate] ? loan : new Promise(() => {});
      },
    });
    actedOn(version);
    if (!verdict.admitted) refused += 1;
    else {
      const { unheard } = verdict;
      const who = `${isolate}.${lived}`;
      admissions.push(...keys.map((key) => ({ time: timeline.now, key, isolate: who, unheard })));
    }
  }

  await timeline.run();
  return {
    over: [...overPolicy(schedule, settledAt, admissions), ...overAllowance(schedule, admissions)],
    admitted: admissions.length,
    refused,
    unheard: admissions.filter(({ unheard }) => unheard).length,
    questions,
  };
}

/** Judges each version of each policy by what was admitted while it alone was in force. */
function overPolicy(
  { policies }: Schedule,
  settledAt: readonly number[],
  admissions: readonly Admission[],
): string[] {
  return policies.flatMap(({ of }, version) => {
    // What was decided at that very moment may still have been decided by the one before.
    const after = version === 0 ? -1 : (settledAt[version] ?? 0);
    const to = policies[version + 1]?.at ?? Number.POSITIVE_INFINITY;
    return Object.entries(of).flatMap(([key, { limit, windowMs }]) => {
      const times = admissions
        .filter((one) => one.key === key && !one.unheard && one.time > after && one.time < to)
        .map(({ time }) => time);
      const most = mostInAnyWindow(times, windowMs);
      return most > limit ? [`${key}: ${most} instead of ${limit} in ${windowMs} ms`] : [];
    });
  });
}

/** What isolates admit by themselves; judged where the policies never change. */
function overAllowance(
  { policies, isolates }: Schedule,
  admissions: readonly Admission[],
): string[] {
  const of = Object.values(policies[0]?.of ?? {});
  if (policies.length > 1) return [];
  // Each of these requests lacked a token of one limit at least.
  const allowed = of.reduce((sum, { limit }) => sum + Math.max(1, Math.floor(limit / 100)), 0);
  const windowMs = Math.min(...of.map((policy) => policy.windowMs));
  const alone = admissions.filter(({ unheard, key }) => unheard && key === "tenant");
  const whole = isolates.flatMap((life, isolate) =>
    life.purses < of.length
      ? []
      : life.evictedAt.concat(0).map((_, lived) => `${isolate}.${lived}`),
  );
  return whole.flatMap((isolate) => {
    const times = alone.filter((one) => one.isolate === isolate).map(({ time }) => time);
    const most = mostInAnyWindow(times, windowMs);
    return most > allowed ? [`isolate ${isolate}: ${most} admitted alone`] : [];
  });
}
