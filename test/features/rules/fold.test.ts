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
import {
  beginsAnew,
  KEYS,
  type Player,
  play,
  type RuleSpec,
  type Series,
  series,
} from "../../support/rule-series.ts";
import {
  type ReferenceRule,
  type ReferenceSignal,
  whatHappens,
} from "../../support/rules-reference.ts";
import { DEEP } from "../../support/worker.ts";

const RUNS = DEEP ? 50_000 : 1_000;
/** It is quick, but other files share its isolate and the machine. */
const PATIENT = { timeout: DEEP ? 1_800_000 : 120_000 };
const FROM = Date.UTC(2026, 0, 1);

/** What a database would hold. */
interface Kept {
  /** By their places; null where one was removed. */
  readonly rules: (StoredRule | null)[];
  /** All that ever were, as they began. */
  readonly begun: ReferenceRule[];
  readonly signals: Record<string, ReferenceSignal[]>;
  waiting: WaitingSample[];
  /** Of these transitions, how many of each kind. */
  readonly seen: Record<Transition["kind"], number>;
}

type StoredRule = WatchingRule & { readonly active: boolean };

describe("rules over random series", () => {
  it("do what the reference does, however it is cut", PATIENT, async ({ task }) => {
    const total = { opened: 0, counted: 0, recovered: 0 };
    let byHand = 0;
    let inherited = 0;
    await holds(
      "fold",
      [series(60), fc.integer({ min: 1, max: 6 })],
      async (each, most) => {
        const kept = keep(each);
        const history = await play(each, FROM, playerOf(kept, most));
        const expected = whatHappens(kept.begun, history);
        expect(kept.signals).toEqual(expected.signals);
        expect(
          kept.rules.map((rule) =>
            rule?.lastSampleAt === undefined ? undefined : [rule.breachedSince, rule.lastSampleAt],
          ),
        ).toEqual(expected.states);
        for (const kind of ["opened", "counted", "recovered"] as const) {
          total[kind] += kept.seen[kind];
        }
        const all = Object.values(expected.signals).flat();
        byHand += all.filter(({ end }) => end === "hand").length;
        inherited += expected.inherited;
      },
      RUNS,
    );
    // Series in which nothing happens would prove nothing.
    expect(total.opened).toBeGreaterThan(RUNS);
    expect(total.recovered).toBeGreaterThan(RUNS / 4);
    expect(byHand).toBeGreaterThan(RUNS / 20);
    expect(inherited).toBeGreaterThan(RUNS / 20);
    showFigures(
      task,
      `${RUNS} series: ${total.opened} signals opened, ${total.recovered} recovered, of which ` +
        `${inherited} by another rule, and ${byHand} were resolved by hand`,
    );
  });
});

describe("a rule that is well", () => {
  const end = (owners: Readonly<Record<string, string | null>>) => {
    const spec = { operator: ">", threshold: 1, durationSeconds: 0, severity: "high" } as const;
    const rules = keep({
      rules: ["m", "x"].map((metric) => ({ ...spec, metric, active: true })),
      acts: [],
    }).rules as StoredRule[];
    const open = new Map(Object.entries(owners));
    return fold(rules, open, [{ seq: 1, metric: "m", value: 0, at: FROM }]).transitions;
  };

  it("leaves what it opened for the metric that it had before", () => {
    const owners = ["rule:m:low:high", "rule:x:high", "rule:m:low"].map((key) => [key, "rule_000"]);
    expect(end(Object.fromEntries(owners))).toEqual([{ kind: "recovered", key: "rule:m:low" }]);
  });

  it.each<[string, string | null]>([
    ["is gone", "rule_gone"],
    ["watches another metric", "rule_001"],
    ["nobody knows", null],
  ])("resolves at its key what a rule opened that %s, and nothing at others", (_, owner) => {
    const keys = ["rule:m:high", "rule:m:low", "rule:m:high:high", "rule:x:high"];
    expect(end(Object.fromEntries(keys.map((key) => [key, owner])))).toEqual([
      { kind: "recovered", key: "rule:m:high" },
    ]);
  });
});

function keep({ rules }: Series): Kept {
  const kept: Kept = {
    rules: [],
    begun: [],
    signals: {},
    waiting: [],
    seen: { opened: 0, counted: 0, recovered: 0 },
  };
  for (const rule of rules) addTo(kept, rule);
  return kept;
}

function addTo({ rules, begun }: Kept, spec: RuleSpec): void {
  const rule = { ...spec, id: `rule_${String(rules.length).padStart(3, "0")}` };
  begun.push(rule);
  rules.push({ ...rule, stateVersion: 0, breachedSince: null, lastSampleAt: null });
}

function playerOf(kept: Kept, most: number): Player {
  const openOf = (key: string) => kept.signals[key]?.find(({ end }) => end === "open");
  const activeRules = () => kept.rules.filter((rule): rule is StoredRule => rule?.active === true);
  let seq = 0;
  return {
    take: async (samples) => {
      for (const sample of samples) {
        const watched = activeRules().some(({ metric }) => metric === sample.metric);
        if (watched) kept.waiting.push({ seq: ++seq, ...sample });
      }
    },
    evaluate: async () => {
      while (kept.waiting.length > 0) {
        const open = KEYS.flatMap((key) => {
          const signal = openOf(key);
          return signal ? [[key, signal.by] as const] : [];
        });
        const active = activeRules();
        const { taken, states, transitions } = fold(active, new Map(open), kept.waiting, most);
        expect(taken).toBeGreaterThan(0);
        // It ends with the sample that reaches the bound.
        const before = fold(active, new Map(open), kept.waiting.slice(0, taken - 1));
        expect(before.changes).toBeLessThan(most);
        kept.waiting = kept.waiting.slice(taken);
        for (const state of states) {
          const place = kept.rules.findIndex((rule) => rule?.id === state.id);
          kept.rules[place] = { ...state, active: true };
        }
        for (const transition of transitions) carryOut(kept, transition);
      }
    },
    resolve: async (key) => {
      const signal = openOf(key);
      if (signal) signal.end = "hand";
    },
    change: async (place, changes) => {
      const rule = kept.rules[place] as StoredRule;
      const fresh = beginsAnew(rule, changes) ? { breachedSince: null, lastSampleAt: null } : {};
      kept.rules[place] = { ...rule, ...changes, ...fresh };
    },
    remove: async (place) => {
      kept.rules[place] = null;
    },
    add: async (spec) => addTo(kept, spec),
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
