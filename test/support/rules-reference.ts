/**
 * What rules do, said once more and plainly: for each sample and each rule, all that happened before is
 * read through again. Slow, without any state that is carried on, and sharing no code with `src`.
 */
import type { Severity } from "../../src/features/rules/rules.tables.ts";

export interface ReferenceRule {
  readonly id: string;
  readonly metric: string;
  readonly operator: ">" | "<";
  readonly threshold: number;
  readonly durationSeconds: number;
  readonly severity: Severity;
  readonly active: boolean;
}

type Measured = {
  readonly kind: "sample";
  readonly metric: string;
  readonly value: number;
  readonly at: number;
};

export type History = readonly (
  | Measured
  | { readonly kind: "resolve"; readonly key: string }
  | {
      readonly kind: "change";
      readonly rule: number;
      readonly changes: Partial<ReferenceRule>;
      /** Whether what it was held against before is forgotten. */
      readonly anew: boolean;
    }
  /** The rule was not there before. */
  | { readonly kind: "add"; readonly rule: number }
  | { readonly kind: "remove"; readonly rule: number }
)[];

/** What became of one signal. */
export interface ReferenceSignal {
  readonly by: string;
  occurrences: number;
  /** The last value that was counted. */
  value: number;
  at: number;
  end: "open" | "recovery" | "hand";
}

export interface Outcome {
  /** The signals of each key, the first one first. */
  readonly signals: Readonly<Record<string, readonly ReferenceSignal[]>>;
  /** Of each rule: since when its breach goes on, and its newest sample; undefined once it is removed. */
  readonly states: readonly (readonly [since: number | null, newest: number | null] | undefined)[];
  /** How many were resolved by another rule than the one that opened them. */
  readonly inherited: number;
}

/** @param rules all that ever are, as they begin */
export function whatHappens(rules: readonly ReferenceRule[], history: History): Outcome {
  const signals: Record<string, ReferenceSignal[]> = {};
  let inherited = 0;
  const oldestFirst = [...rules.keys()].sort((one, other) =>
    (rules[one] as ReferenceRule).id < (rules[other] as ReferenceRule).id ? -1 : 1,
  );
  const openAt = (key: string) => signals[key]?.find(({ end }) => end === "open");
  history.forEach((entry, index) => {
    if (entry.kind === "resolve") {
      const signal = openAt(entry.key);
      if (signal) signal.end = "hand";
    }
    if (entry.kind !== "sample") return;
    const verdicts = rules.map((_, nth) => verdict(rules, history, nth, index));
    const wellAt = (key: string) =>
      verdicts.some((each, nth) => {
        const { metric, severity } = ruleAt(rules, history, nth, index);
        return each === "well" && key === `rule:${metric}:${severity}`;
      });
    for (const [key, all] of Object.entries(signals)) {
      if (/^rule:(.*):[a-z]+$/.exec(key)?.[1] !== entry.metric) continue;
      for (const signal of all.filter(({ end }) => end === "open")) {
        const opener = rules.findIndex(({ id }) => id === signal.by);
        const { active, metric } = ruleAt(rules, history, opener, index);
        const watches = active && metric === entry.metric;
        if (watches ? verdicts[opener] === "well" : wellAt(key)) {
          signal.end = "recovery";
          if (!watches) inherited += 1;
        }
      }
    }
    const seen = new Set<string>();
    for (const nth of oldestFirst) {
      if (verdicts[nth] !== "lasts") continue;
      const { id, severity } = ruleAt(rules, history, nth, index);
      const key = `rule:${entry.metric}:${severity}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const signal = openAt(key);
      const { value, at } = entry;
      if (signal) Object.assign(signal, { occurrences: signal.occurrences + 1, value, at });
      else {
        signals[key] ??= [];
        signals[key].push({ by: id, occurrences: 1, value, at, end: "open" });
      }
    }
  });
  return { signals, states: rules.map((_, nth) => stateOf(rules, history, nth)), inherited };
}

/** The rule as it is at this place of the history. */
function ruleAt(
  rules: readonly ReferenceRule[],
  history: History,
  nth: number,
  index: number,
): ReferenceRule {
  const changes = history
    .slice(0, index)
    .flatMap((entry) => (entry.kind === "change" && entry.rule === nth ? [entry.changes] : []));
  const rule = Object.assign({ ...(rules[nth] as ReferenceRule) }, ...changes);
  return { ...rule, active: rule.active && isThere(history, nth, index) };
}

function isThere(history: History, nth: number, index: number): boolean {
  const isOwn = (kind: "add" | "remove") => (entry: History[number]) =>
    entry.kind === kind && entry.rule === nth;
  const added = history.findIndex(isOwn("add"));
  const removed = history.findIndex(isOwn("remove"));
  return added < index && (removed === -1 || removed >= index);
}

/** The samples that a rule judges, from its last beginning up to this place: none that is late. */
function judged(rules: readonly ReferenceRule[], history: History, nth: number, index: number) {
  const begun = history
    .slice(0, index)
    .findLastIndex((entry) => entry.kind === "change" && entry.rule === nth && entry.anew);
  const own = history
    .map((entry, place) => ({ entry, place }))
    .slice(begun + 1, index + 1)
    .filter(({ entry, place }) => {
      const { metric, active } = ruleAt(rules, history, nth, place);
      return entry.kind === "sample" && active && entry.metric === metric;
    }) as { entry: Measured; place: number }[];
  return own.filter(({ entry }, at) =>
    own.slice(0, at).every((earlier) => earlier.entry.at <= entry.at),
  );
}

function verdict(
  rules: readonly ReferenceRule[],
  history: History,
  nth: number,
  index: number,
): "lasts" | "begins" | "well" | "unjudged" {
  const all = judged(rules, history, nth, index);
  const last = all.at(-1);
  if (last?.place !== index) return "unjudged";
  const since = breachOf(rules, history, nth, all);
  if (since === null) return "well";
  const { durationSeconds } = rules[nth] as ReferenceRule;
  return last.entry.at - since >= durationSeconds * 1_000 ? "lasts" : "begins";
}

/** When the breach began that these samples end with. */
function breachOf(
  rules: readonly ReferenceRule[],
  history: History,
  nth: number,
  all: ReturnType<typeof judged>,
): number | null {
  const isWell = ({ entry, place }: (typeof all)[number]) => {
    const { operator, threshold } = ruleAt(rules, history, nth, place);
    return operator === ">" ? entry.value <= threshold : entry.value >= threshold;
  };
  return all[all.findLastIndex(isWell) + 1]?.entry.at ?? null;
}

function stateOf(rules: readonly ReferenceRule[], history: History, nth: number) {
  if (history.some((entry) => entry.kind === "remove" && entry.rule === nth)) return undefined;
  const all = judged(rules, history, nth, history.length);
  return [breachOf(rules, history, nth, all), all.at(-1)?.entry.at ?? null] as const;
}
