import { HOSTS_APART_MS } from "../../src/platform/limits/account.ts";
import { DRIFT } from "../../src/platform/limits/ledger.ts";
import type { Schedule } from "./limit-schedules.ts";
import type { Random } from "./random.ts";

/** The longer a window, the more a clock's drift is beside what is rounded; the shorter, the less. */
const WINDOWS_MS = [1_000, 10_000, 60_000];
/** Limits of which so few tokens are lent at a time that the last of them matter. */
const LIMITS = { least: 200, most: 300 };
/** When it begins, in ms, and how many ask at once then. */
const BEGIN = { at: 1_000, crowd: 20 };
/** Isolates that know nothing yet when the window is over, so that each asks. */
const FRESH = 8;

/**
 * A schedule that presses on the arithmetic where it is closest: an isolate spends at the last moment
 * that it may, others take all the rest, and when the window is over, or nearly, everybody is back.
 * Clocks are as wrong as they may be.
 */
export function pressingSchedule(random: Random): Schedule {
  const between = (least: number, most: number) => least + random.next() * (most - least);
  const whole = (least: number, most: number) => Math.floor(between(least, most + 1));
  const windowMs = random.pick(WINDOWS_MS);
  const limit = whole(LIMITS.least, LIMITS.most);
  const clock = () => ({
    offset: whole(1_000_000, 2_000_000),
    drift: random.pick([-DRIFT, DRIFT]),
  });
  const life = () => ({ ...clock(), purses: 4, evictedAt: [], hearsAfter: 0 });
  const isolates = Array.from({ length: 3 + FRESH }, life);
  const requests: Schedule["requests"][number][] = [];
  const ask = (at: number, isolate: number) => requests.push({ at, isolate, keys: ["tenant"] });
  const at = BEGIN.at + random.next();
  for (let nth = 0; nth < BEGIN.crowd; nth++) ask(at, 0);
  // The lease of a caller far from the limit, as that caller's clock has it, or as it would have it.
  const lifeMs = Math.max(1_000, Math.min(windowMs / 2, 30_000));
  const holder = 1 + (isolates[0]?.drift ?? 0);
  const share = random.pick([1, 1, random.next()]);
  const lastAt = at + (lifeMs * share * (1 - random.pick([0, 0, 2 * DRIFT]))) / holder;
  for (let nth = 0; nth < limit / 2; nth++) ask(lastAt + between(-2, 1), 0);
  // All the rest is taken, and it is told or not what was spent before.
  for (let nth = 0; nth < limit * 1.3; nth++) {
    ask(lastAt + between(2, windowMs / 2), random.chance(0.02) ? 0 : whole(1, 2));
  }
  const tellsAt = lastAt + windowMs * random.pick([0.1, 0.5]);
  if (random.chance(0.5)) for (let nth = 0; nth < 3; nth++) ask(tellsAt + nth, 0);
  const early = random.pick([3, windowMs / 512, 2 * DRIFT * windowMs]);
  for (let isolate = 3; isolate < isolates.length; isolate++) {
    const back = lastAt + windowMs + between(-early, 2);
    for (let nth = 0; nth < 3; nth++) ask(back, isolate);
  }
  const evictions = random.chance(0.3)
    ? [{ at: lastAt + windowMs * random.next(), jumpMs: random.pick([-1, 1]) * HOSTS_APART_MS }]
    : [];
  return {
    object: { ...clock(), evictions },
    isolates,
    policies: [{ at: 0, of: { tenant: { limit, windowMs } } }],
    requests,
    fates: [{ kind: "answered", toMs: 0, backMs: random.pick([0, 0, 5]) }],
  };
}
