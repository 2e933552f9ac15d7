import { expect, test } from "vitest";
import { lendAll } from "../../../src/platform/limits/account.ts";
import { counted, forget, stepOf } from "../../../src/platform/limits/ledger.ts";
import { showFigures } from "../../support/figures.ts";
import { pressingSchedule } from "../../support/limit-pressing.ts";
import { randomSchedule, shrink } from "../../support/limit-random.ts";
import { runSchedule, type Schedule } from "../../support/limit-schedules.ts";
import { type Random, seededRandom } from "../../support/random.ts";
import { DEEP } from "../../support/worker.ts";

const SCHEDULES = DEEP ? 100_000 : 1_000;
const PATIENT = { timeout: DEEP ? 7_200_000 : 300_000 };
/** One in so many schedules presses on the end of a window. */
const PRESSING = 3;
/** Schedules within which a planted error must be found. */
const ENOUGH = 2_000;
/** Tries to make what a planted error was found by small; a real one is worth more. */
const TRIES_PLANTED = DEEP ? 300 : 30;

/** The first of so many schedules by which more is admitted than allowed, made small. */
async function firstOver(
  random: Random,
  count: number,
  lend: typeof lendAll,
  {
    see = () => {},
    tries,
  }: {
    readonly see?: (outcome: Awaited<ReturnType<typeof runSchedule>>) => void;
    readonly tries?: number;
  } = {},
): Promise<{ nth: number; schedule: Schedule; over: readonly string[] } | null> {
  for (let nth = 0; nth < count; nth++) {
    const make = nth % PRESSING === 0 ? pressingSchedule : randomSchedule;
    const schedule = make(random.fork(nth));
    const outcome = await runSchedule(schedule, lend);
    see(outcome);
    if (outcome.over.length === 0) continue;
    const fails = async (other: Schedule) => (await runSchedule(other, lend)).over.length > 0;
    const small = await shrink(schedule, fails, tries);
    return { nth, schedule: small, over: (await runSchedule(small, lend)).over };
  }
  return null;
}

test("no schedule admits more than a policy says, in any window", PATIENT, async ({ task }) => {
  const random = seededRandom("limit schedules");
  const sums = { admitted: 0, refused: 0, unheard: 0, questions: 0 };
  const see = (outcome: typeof sums) => {
    sums.admitted += outcome.admitted;
    sums.refused += outcome.refused;
    sums.unheard += outcome.unheard;
    sums.questions += outcome.questions;
  };
  const found = await firstOver(random, SCHEDULES, lendAll, { see });
  expect(found, `to be run again: ${JSON.stringify(found)}`).toBeNull();
  // Schedules that admit or refuse nothing prove nothing.
  expect(sums.admitted).toBeGreaterThan(SCHEDULES * 20);
  expect(sums.refused).toBeGreaterThan(SCHEDULES * 20);
  expect(sums.unheard).toBeGreaterThan(0);
  showFigures(
    task,
    `rate limiter, ${SCHEDULES} random schedules: 0 windows over their policy; ${sums.admitted} ` +
      `tokens spent, ${sums.unheard} of them while the object was silent, ${sums.refused} refusals`,
  );
});

const PLANTED: Readonly<Record<string, typeof lendAll>> = {
  "a lease of one token too many": (accounts, asks, now) => {
    const loan = lendAll(accounts, asks, now);
    if (!("leases" in loan)) return loan;
    return { leases: loan.leases.map((lease) => ({ ...lease, tokens: lease.tokens + 1 })) };
  },
  "one token too many where few are left": (accounts, asks, now) => {
    const wrong = asks.map((ask) => {
      const account = accounts.get(ask.key);
      const { limit, windowMs } = ask.policy;
      const left = limit - (account ? counted(account) : 0);
      return 0 < left && left < 3 ? { ...ask, policy: { limit: limit + 1, windowMs } } : ask;
    });
    return lendAll(accounts, wrong, now);
  },
  "a window that ends one step early": (accounts, asks, now) => {
    for (const { key, policy } of asks) {
      const account = accounts.get(key);
      if (account) forget(account, policy, now + stepOf(policy));
    }
    return lendAll(accounts, asks, now);
  },
  "leases that last for ever": (accounts, asks, now) => {
    const loan = lendAll(accounts, asks, now);
    if (!("leases" in loan)) return loan;
    return { leases: loan.leases.map((lease) => ({ ...lease, lifeMs: lease.lifeMs + 60_000 })) };
  },
};

test.for(Object.entries(PLANTED))(
  "the oracle finds %s",
  PATIENT,
  async ([name, lend], { task }) => {
    const random = seededRandom(`planted: ${name}`);
    const found = await firstOver(random, ENOUGH, lend, { tries: TRIES_PLANTED });
    expect(found).not.toBeNull();
    showFigures(
      task,
      `rate limiter, planted ${name}: found by schedule ${(found?.nth ?? 0) + 1}, ` +
        `shrunk to ${found?.schedule.requests.length} requests`,
    );
  },
);
