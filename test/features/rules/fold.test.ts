/** The fold against a plain reference, over random series cut into random evaluations. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fold,
  type Transition,
  type WaitingSample,
  type WatchingRule,
} from "../../../src/features/rules/fold.ts";
import { showFigures } from "../../support/figures.ts";
import { holds } from "../../support/property.ts";
import { KEYS, play, type Series, series } from "../../support/rule-series.ts";
import { type ReferenceSignal, whatHappens } from "../../support/rules-reference.ts";
import { DEEP } from "../../support/worker.ts";

const RUNS = DEEP ? 50_000 : 1_000;
/** It is quick, but other files share its isolate and the machine. */
const PATIENT = { timeout: DEEP ? 1_800_000 : 120_000 };
const FROM = Date.UTC(2026, 0, 1);

/** What a database would hold. */
interface Kept {
  rules: (WatchingRule & { readonly active: boolean })[];
  readonly signals: Record<string, ReferenceSignal[]>;
  waiting: WaitingSample[];
  /** Transitions of each kind. */
  readonly seen: Record<Transition["kind"], number>;
}

describe("rules over random series", () => {
  it("do what the reference does, however it is cut", PATIENT, async ({ task }) => {
    const total = { opened: 0, counted: 0, recovered: 0 };
    let byHand = 0;
    await holds(
      "fold",
      [series(60), fc.integer({ min: 1, max: 6 })],
      async (each, most) => {
        const kept = keep(each);
        const before = kept.rules.map(({ stateVersion: _, ...rule }) => rule);
        const history = await play(each, FROM, playerOf(kept, most));
        const expected = whatHappens(before, history);
        expect(kept.signals).toEqual(expected.signals);
        expect(
          kept.rules.map(({ breachedSince, lastSampleAt }) => [breachedSince, lastSampleAt]),
        ).toEqual(expected.states);
        for (const kind of ["opened", "counted", "recovered"] as const) {
          total[kind] += kept.seen[kind];
        }
        const all = Object.values(expected.signals).flat();
        byHand += all.filter(({ end }) => end === "hand").length;
      },
      RUNS,
    );
    // Series in which nothing happens would prove nothing.
    expect(total.opened).toBeGreaterThan(RUNS);
    expect(total.recovered).toBeGreaterThan(RUNS / 4);
    expect(byHand).toBeGreaterThan(RUNS / 20);
    showFigures(
      task,
      `${RUNS} series: ${total.opened} signals opened, ${total.recovered} recovered, ${byHand} resolved by hand`,
    );
  });
});

describe("a rule that is well", () => {
  it("leaves what it opened for the metric that it had before", () => {
    const [rule] = keep({ rules: [{ ...SPEC, metric: "m" }], acts: [] }).rules;
    if (!rule) throw new Error("There is no rule.");
    const open = new Map(
      ["rule:m:low:high", "rule:x:high", "rule:m:low"].map((key) => [key, rule.id]),
    );
    const { transitions } = fold([rule], open, [{ seq: 1, metric: "m", value: 0, at: FROM }]);
    expect(transitions).toEqual([{ kind: "recovered", key: "rule:m:low" }]);
  });

  const SPEC = {
    operator: ">",
    threshold: 1,
    durationSeconds: 0,
    severity: "high",
    active: true,
  } as const;
});

function keep({ rules }: Series): Kept {
  return {
    rules: rules.map((rule, nth) => ({
      ...rule,
      id: `rule_${nth}`,
      stateVersion: 0,
      breachedSince: null,
      lastSampleAt: null,
    })),
    signals: {},
    waiting: [],
    seen: { opened: 0, counted: 0, recovered: 0 },
  };
}

function playerOf(kept: Kept, most: number) {
  const openOf = (key: string) => kept.signals[key]?.find(({ end }) => end === "open");
  let seq = 0;
  return {
    take: async (samples: readonly Omit<WaitingSample, "seq">[]) => {
      for (const sample of samples) {
        const watched = kept.rules.some(({ metric, active }) => active && metric === sample.metric);
        if (watched) kept.waiting.push({ seq: ++seq, ...sample });
      }
    },
    evaluate: async () => {
      while (kept.waiting.length > 0) {
        const open = KEYS.flatMap((key) => {
          const signal = openOf(key);
          return signal ? [[key, signal.by] as const] : [];
        });
        const active = kept.rules.filter((rule) => rule.active);
        const { taken, states, transitions } = fold(active, new Map(open), kept.waiting, most);
        expect(taken).toBeGreaterThan(0);
        // It ends with the sample that reaches the bound.
        const before = fold(active, new Map(open), kept.waiting.slice(0, taken - 1));
        expect(before.changes).toBeLessThan(most);
        kept.waiting = kept.waiting.slice(taken);
        for (const state of states) {
          const place = kept.rules.findIndex(({ id }) => id === state.id);
          kept.rules[place] = { ...state, active: true };
        }
        for (const transition of transitions) carryOut(kept, transition);
      }
    },
    resolve: async (key: string) => {
      const signal = openOf(key);
      if (signal) signal.end = "hand";
    },
    change: async (place: number, changes: Partial<Kept["rules"][number]>) => {
      const rule = kept.rules[place] as Kept["rules"][number];
      const anew =
        (changes.threshold !== undefined && changes.threshold !== rule.threshold) ||
        changes.active === true;
      const fresh = anew ? { breachedSince: null, lastSampleAt: null } : {};
      kept.rules[place] = { ...rule, ...changes, ...fresh };
    },
  };
}

function carryOut({ signals, seen }: Kept, transition: Transition): void {
  seen[transition.kind] += 1;
  if (transition.kind === "opened") {
    const { rule, sample } = transition;
    const key = `rule:${rule.metric}:${rule.severity}`;
    const { value, at } = sample;
    signals[key] ??= [];
    expect(signals[key].some(({ end }) => end === "open")).toBe(false);
    signals[key].push({ by: rule.id, occurrences: 1, value, at, end: "open" });
    return;
  }
  const signal = signals[transition.key]?.find(({ end }) => end === "open");
  if (!signal) throw new Error(`Nothing is open at ${transition.key}.`);
  if (transition.kind === "recovered") {
    signal.end = "recovery";
    return;
  }
  const { times, sample } = transition;
  const occurrences = signal.occurrences + times;
  Object.assign(signal, { occurrences, value: sample.value, at: sample.at });
}
