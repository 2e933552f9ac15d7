import { HOSTS_APART_MS } from "../../src/platform/limits/account.ts";
import { DRIFT, type Policy } from "../../src/platform/limits/ledger.ts";
import type { Fate } from "./limit-object.ts";
import type { Schedule } from "./limit-schedules.ts";
import type { Random } from "./random.ts";

const WINDOWS_MS = [1_000, 2_000, 5_000, 10_000];
/** Every request is limited by the first; some by more. */
const KEYS = ["tenant", "user", "service"];
/** How many windows a schedule goes on for. */
const WINDOWS = 5;
/** Requests, at most; and of one schedule in so many a policy is large, with more requests. */
const REQUESTS = { small: 250, large: 3_000, largeIn: 60 };
/** Share of the requests that come again a window later. */
const ECHOES = 0.3;

/** A schedule with some of all that can go wrong. */
export function randomSchedule(random: Random): Schedule {
  const between = (least: number, most: number) => least + random.next() * (most - least);
  const whole = (least: number, most: number) => Math.floor(between(least, most + 1));
  const some = <T>(most: number, make: () => T): T[] =>
    Array.from({ length: whole(0, most) }, make);
  const isLarge = random.next() * REQUESTS.largeIn < 1;
  const windowMs = random.pick(WINDOWS_MS);
  const endsAt = WINDOWS * windowMs;
  const keys = KEYS.slice(0, whole(1, KEYS.length));
  const clock = () => ({
    offset: whole(1_000_000, 2_000_000),
    drift: random.pick([-DRIFT, DRIFT, between(-DRIFT, DRIFT)]),
  });
  // Forwards no further than clocks of hosts are apart; one that was wrong before goes back for long.
  const jump = () => {
    if (random.chance(0.1)) return -whole(0, 3 * windowMs);
    return random.pick([0, -HOSTS_APART_MS, HOSTS_APART_MS, whole(-50, 50)]);
  };
  const policy = (): Policy => ({
    limit: isLarge
      ? whole(1_000, 1_200)
      : random.pick([whole(1, 4), whole(1, 40), whole(100, 300)]),
    windowMs: random.chance(0.8) ? windowMs : random.pick(WINDOWS_MS),
  });
  const policies = () => Object.fromEntries(keys.map((key) => [key, policy()]));
  const changes = random.chance(0.4) ? some(2, () => between(0, endsAt)) : [];
  const isolates = Array.from({ length: whole(1, 6) }, () => ({
    ...clock(),
    purses: random.chance(0.8) ? KEYS.length : 1,
    evictedAt: random.chance(0.3) ? some(2, () => between(0, endsAt)) : [],
    hearsAfter: between(0, windowMs / 2),
  }));
  const bad = random.chance(0.5) ? random.next() * 0.3 : 0;
  const farMs = random.pick([0, 1, 30]);
  const fate = (): Fate => ({
    kind: random.chance(bad)
      ? random.pick(["request lost", "reply lost", "asked twice", "down"] as const)
      : "answered",
    toMs: random.chance(bad / 4) ? between(0, 6_000) : between(0, farMs),
    backMs: random.chance(bad / 4) ? between(0, 3_000) : between(0, farMs),
  });
  const requests: Schedule["requests"][number][] = [];
  const target = whole(10, isLarge ? REQUESTS.large : REQUESTS.small);
  while (requests.length < target) {
    // A crowd at once, or a row of requests that goes on for a while.
    const from = between(0, endsAt);
    const spreadMs = random.chance(0.4) ? 0 : between(0, windowMs * 2);
    const isolate = random.chance(0.5) ? whole(0, isolates.length - 1) : null;
    for (let left = whole(1, Math.ceil(target / 4)); left > 0; left--) {
      requests.push({
        at: from + random.next() * spreadMs,
        isolate: isolate ?? whole(0, isolates.length - 1),
        keys: keys.filter((key) => key === "tenant" || random.chance(0.7)),
      });
    }
  }
  // Some come again about when a window is over: then it shows whether it was a whole one.
  for (const { at, keys: same } of requests.filter(() => random.chance(ECHOES))) {
    const isolate = whole(0, isolates.length - 1);
    requests.push({ at: at + windowMs * between(0.998, 1.002), isolate, keys: same });
  }
  return {
    object: {
      ...clock(),
      evictions: random.chance(0.4)
        ? some(3, () => ({
            at: between(0, endsAt),
            jumpMs: jump(),
          }))
        : [],
    },
    isolates,
    policies: [0, ...changes.sort((one, other) => one - other)].map((at) => ({
      at,
      of: policies(),
    })),
    requests,
    fates: Array.from({ length: 64 }, fate),
  };
}

/**
 * Leaves out what a schedule does not need to fail, so that it can be read.
 * @param most how often it is tried with something left out
 */
export async function shrink(
  schedule: Schedule,
  fails: (schedule: Schedule) => Promise<boolean>,
  most = 300,
): Promise<Schedule> {
  let smallest = schedule;
  let tries = 0;
  for (let size = Math.ceil(schedule.requests.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < smallest.requests.length && tries < most; tries++) {
      const requests = smallest.requests.toSpliced(from, size);
      const smaller = { ...smallest, requests };
      if (await fails(smaller)) smallest = smaller;
      else from += size;
    }
  }
  const calm = smallest.isolates.map((isolate) => ({
    ...isolate,
    evictedAt: [],
    offset: 0,
    drift: 0,
  }));
  const simpler: Partial<Schedule>[] = [
    { isolates: calm },
    { object: { offset: 0, drift: 0, evictions: [] } },
    { fates: [{ kind: "answered", toMs: 0, backMs: 0 }] },
    { policies: smallest.policies.slice(0, 1) },
  ];
  for (const change of simpler) {
    const smaller = { ...smallest, ...change };
    if (await fails(smaller)) smallest = smaller;
  }
  return smallest;
}
