import { expect, it } from "vitest";
import { BREAKER_DEFAULTS } from "../../../src/platform/breaker/index.ts";
import {
  acquire,
  advance,
  type Machine,
  newMachine,
  report,
  type Terms,
} from "../../../src/platform/breaker/machine.ts";
import type { BreakerRules } from "../../../src/platform/breaker/options.ts";
import { healthyRate } from "../../../src/platform/breaker/slow-start.ts";
import { viewOf } from "../../../src/platform/breaker/view.ts";
import {
  breakerLives,
  breakerOptions,
  live,
  newLife,
  type Subject,
} from "../../support/breaker-commands.ts";
import { showFigures } from "../../support/figures.ts";
import { holds } from "../../support/property.ts";
import { type Random, seededRandom } from "../../support/random.ts";
import { DEEP } from "../../support/worker.ts";

const TRACES = DEEP ? 50_000 : 1_000;

/** The machine by itself, as the object asks it. */
function machineAlone(random: Random): Subject {
  let now = 0;
  let machine: Machine | undefined;
  const terms = (rules: BreakerRules): Terms => ({ ...rules, now, random: random.next() });
  const loaded = (rules: BreakerRules) => {
    machine ??= newMachine(rules.options, now);
    return machine;
  };
  return {
    setTime: (time) => {
      now = time;
    },
    evict: async () => {},
    async acquire({ id, callMs, ...rules }) {
      const asked = acquire(loaded(rules), { id, leaseMs: callMs + 5_000 }, terms(rules));
      machine = asked.machine;
      return { isPermitted: asked.isPermitted, epoch: asked.machine.epoch };
    },
    async report({ options, order, ...call }) {
      machine = report(loaded({ options, order }), call, terms({ options, order }));
    },
    async view(rules) {
      machine = advance(loaded(rules), terms(rules));
      return viewOf(machine, terms(rules));
    },
  };
}

const STATES = ["closed", "open", "half_open", "forced_open", "disabled"];

/** Every way from one state to another. */
const ALL_TRANSITIONS = [
  "closed -> open: sick",
  "closed -> open: slow start failed",
  "closed -> closed: slow start over",
  "open -> half_open: time over",
  "half_open -> open: sick",
  "half_open -> closed: trial went well",
  ...STATES.flatMap((from) => [
    `${from} -> closed: order automatic`,
    `${from} -> forced_open: order forced_open`,
    `${from} -> disabled: order disabled`,
  ]),
];

it("does what the plain reference does, whatever befalls it", { timeout: 900_000 }, async ({
  task,
}) => {
  const transitions = new Map<string, number>();
  const random = seededRandom("breaker machine");
  let commands = 0;
  await holds(
    "breaker machine against the reference",
    [breakerOptions, breakerLives(100, false)],
    async (options, life) => {
      await live(newLife(options, transitions), machineAlone(random), life);
      for (const _ of life) commands += 1;
    },
    TRACES,
  );
  const lines = [...transitions].sort().map(([name, count]) => `${count} x ${name}`);
  showFigures(task, `${TRACES} traces, ${commands} commands`, ...lines);
  expect([...transitions.keys()].sort()).toEqual([...ALL_TRANSITIONS].sort());
});

/** Calls a breaker, all with the outcome, at even distances from `from` on. */
function calls(
  from: Machine,
  { options, order, now }: Terms,
  { count, everyMs, outcome }: { count: number; everyMs: number; outcome: "success" | "failure" },
): Machine {
  let machine = from;
  for (let nth = 0; nth < count; nth++) {
    const terms = { options, order, now: now + nth * everyMs, random: 1 };
    const id = `${now}-${nth}`;
    machine = acquire(machine, { id, leaseMs: 1 }, terms).machine;
    machine = report(machine, { id, epoch: machine.epoch, outcome, durationMs: 5 }, terms);
  }
  return machine;
}

const NOW = Date.UTC(2026, 0, 1);
const TERMS: Terms = {
  options: BREAKER_DEFAULTS,
  order: { mode: "automatic", version: 0 },
  now: NOW,
  random: 1,
};

it("begins an empty window when the options ask for another", () => {
  const failed = calls(newMachine(TERMS.options, NOW), TERMS, {
    count: 4,
    everyMs: 1,
    outcome: "failure",
  });
  expect(viewOf(failed, TERMS).calls).toBe(4);
  const options = { ...TERMS.options, sliding_window_size: 20 };
  const terms = { ...TERMS, options };
  expect(viewOf(failed, terms).calls).toBe(0);
  const once = calls(
    failed,
    { ...terms, now: NOW + 10 },
    {
      count: 1,
      everyMs: 1,
      outcome: "failure",
    },
  );
  expect(viewOf(once, terms)).toMatchObject({ state: "closed", calls: 1 });
});

it("judges a trial at once when fewer permits are asked for than have come back", () => {
  const opened = calls(newMachine(TERMS.options, NOW), TERMS, {
    count: 5,
    everyMs: 1,
    outcome: "failure",
  });
  const later = { ...TERMS, now: NOW + 2 * 60_000 };
  const tried = calls(opened, later, { count: 2, everyMs: 0, outcome: "success" });
  expect(viewOf(tried, later).state).toBe("half_open");
  const options = { ...TERMS.options, permitted_calls_in_half_open: 2 };
  const judged = advance(tried, { ...later, options });
  expect(viewOf(judged, { ...later, options }).state).toBe("closed");
});

it("does not take a service that hangs for less traffic", () => {
  const well = calls(newMachine(TERMS.options, NOW), TERMS, {
    count: 3_000,
    everyMs: 10,
    outcome: "success",
  });
  // For half a minute nothing comes back, and then only failures.
  const hung = { ...TERMS, now: NOW + 60_000 };
  const opened = calls(well, hung, { count: 5, everyMs: 10, outcome: "failure" });
  expect(viewOf(opened, hung).state).toBe("open");
  expect(healthyRate(opened.pace)).toBeCloseTo(100, 0);
});
