import { expect, test } from "vitest";
import { showFigures } from "../../support/figures.ts";
import { runLoad } from "../../support/limit-load.ts";
import { seededRandom } from "../../support/random.ts";
import { DEEP } from "../../support/worker.ts";

const LOADS = [0.9, 1, 10];
const ISOLATES = [1, 5, 20];
const POLICIES = [
  { limit: 1_000, windowMs: 10_000 },
  { limit: 1_000, windowMs: 60_000 },
  { limit: 6_000, windowMs: 60_000 },
  ...(DEEP ? [{ limit: 60_000, windowMs: 60_000 }] : []),
];
/** What comes is a matter of luck: the mean of so many runs is judged. */
const RUNS = DEEP ? 8 : 2;
const WINDOWS = 4;
/** No more than this many requests a run. */
const REQUESTS = DEEP ? 3_000_000 : 100_000;
/** A policy that is never in the way. */
const LOOSE = { limit: 100_000_000, windowMs: 60_000 };
const PATIENT = { timeout: 1_800_000 };

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;

test.for(POLICIES)(
  "$limit in $windowMs ms: what the policy allows is admitted",
  async (tenant, { task }) => {
    const random = seededRandom(`accuracy ${tenant.limit}/${tenant.windowMs}`);
    const seconds = (tenant.windowMs / 1_000) * WINDOWS;
    const worst = new Map<number, { under: number; isolates: number }>();
    for (const load of LOADS) {
      const rate = (tenant.limit / tenant.windowMs) * 1_000 * load;
      if (rate * seconds > REQUESTS) continue;
      for (const isolates of ISOLATES) {
        let sum = 0;
        for (let run = 0; run < RUNS; run++) {
          const shape = { tenant, user: LOOSE, rate, isolates, users: 1, seconds };
          const outcome = await runLoad(shape, random.fork(run));
          expect(outcome.most).toBeLessThanOrEqual(tenant.limit);
          expect(outcome.largest.bytes).toBeLessThan(100_000);
          sum += outcome.under;
        }
        const under = sum / RUNS;
        expect(under, `${isolates} isolates at ${load} times the limit`).toBeLessThanOrEqual(0.02);
        if (under >= (worst.get(load)?.under ?? 0)) worst.set(load, { under, isolates });
      }
    }
    const told = [...worst].map(
      ([load, { under, isolates }]) => `${percent(under)} at ${load}x (${isolates} isolates)`,
    );
    showFigures(
      task,
      `rate limiter, ${tenant.limit} in ${tenant.windowMs / 1_000} s: under-admission at worst ${told.join(", ")}`,
    );
  },
);

const PER_MINUTE = { windowMs: 60_000 };
/** A thousand requests a second of one tenant: calls to its object per request and per refusal. */
const COSTS = [
  ...ISOLATES.map((isolates) => ({ isolates, users: 1, limit: 60_000, most: 0.1 })),
  { isolates: 20, users: 1, limit: 6_000, most: 0.1 },
  { isolates: 5, users: 100, limit: 120_000, most: 0.1 },
  ...(DEEP ? [{ isolates: 20, users: 100, limit: 120_000, most: 0.1 }] : []),
  // Of 1,000 users each isolate knows each by a request in 20 s: leases cannot spare much there.
  ...(DEEP ? [{ isolates: 20, users: 1_000, limit: 120_000, most: 0.6 }] : []),
];

test.for(COSTS)(
  "1,000 requests a second, limit $limit, $users users, $isolates isolates: few calls",
  PATIENT,
  async ({ isolates, users, limit, most }, { task }) => {
    const random = seededRandom(`cost ${limit}/${users}/${isolates}`);
    const tenant = { limit, ...PER_MINUTE };
    const user = { limit: 6_000, ...PER_MINUTE };
    const shape = { tenant, user: users > 1 ? user : tenant, rate: 1_000, isolates, users };
    const outcome = await runLoad({ ...shape, seconds: DEEP ? 180 : 70 }, random);
    const refused = outcome.requests - outcome.admitted;
    const perRequest = outcome.questions / outcome.requests;
    expect(outcome.most).toBeLessThanOrEqual(limit);
    expect(perRequest).toBeLessThanOrEqual(most);
    // At just the limit refusals are few, so that chance has its part; in a flood they are what costs.
    const perRefusal = outcome.refusals / Math.max(1, refused);
    const share = refused > outcome.requests / 2 ? 0.01 : 0.02;
    expect(outcome.refusals).toBeLessThanOrEqual(5 + refused * share);
    showFigures(
      task,
      `rate limiter, 1,000/s, limit ${limit}/min, ${users} users, ${isolates} isolates: ` +
        `${perRequest.toFixed(4)} calls a request, ${perRefusal.toFixed(4)} a refusal ` +
        `(${refused} refused of ${outcome.requests})`,
    );
  },
);
