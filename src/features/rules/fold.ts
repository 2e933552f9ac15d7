import type { RuleRow } from "./rules.repository.ts";
import type { Severity } from "./rules.tables.ts";
import { breaches } from "./threshold.ts";

/** A rule, and how far it was held against its metric. Times are in ms since the epoch. */
export interface WatchingRule
  extends Pick<
    RuleRow,
    "id" | "metric" | "operator" | "threshold" | "durationSeconds" | "severity" | "stateVersion"
  > {
  /** Of the first value of the breach that goes on. */
  readonly breachedSince: number | null;
  /** Of the newest value. */
  readonly lastSampleAt: number | null;
}

/** A value that waits to be judged. */
export interface WaitingSample {
  readonly seq: number;
  readonly metric: string;
  readonly value: number;
  /** In ms since the epoch. */
  readonly at: number;
}

/** What becomes of signals, in this order. */
export type Transition =
  | { readonly kind: "opened"; readonly rule: WatchingRule; readonly sample: WaitingSample }
  /** So many further values while it is open; the last one of them. */
  | {
      readonly kind: "counted";
      readonly key: string;
      readonly times: number;
      readonly sample: WaitingSample;
    }
  | { readonly kind: "recovered"; readonly key: string };

export interface Folded {
  /** How many of the samples were judged: the first so many. */
  readonly taken: number;
  /** The rules that judged any, as they are afterwards. */
  readonly states: readonly WatchingRule[];
  readonly transitions: readonly Transition[];
  /** How many of them open or resolve a signal. */
  readonly changes: number;
}

/** Rules of a metric and a severity share one signal: this is its key. */
export function keyOf(metric: string, severity: Severity): string {
  return `rule:${metric}:${severity}`;
}

/** Whether a key is of this metric, whatever the severity, which has no colon. */
const isOf = (metric: string, key: string) =>
  key.slice(0, key.lastIndexOf(":")) === `rule:${metric}`;

/**
 * Holds rules against samples, in the order of their arrival. A sample that is older than the newest of
 * a rule comes too late and is not judged by it. A breach begins with the first sample that breaches
 * after one that does not, and lasts from the sample on that is `durationSeconds` or more after it.
 * While it lasts, each sample sees to it that the signal is open. A sample that does not breach resolves
 * what the rule has opened, and at its key also what was opened by a rule that is gone: one that watches
 * the metric no more will never resolve it, and would silence the one that does.
 *
 * @param rules all that are active of the samples' metrics, the oldest first: of those that share a
 *   signal, that one opens it
 * @param open who opened what is open, by key
 * @param most after so many changes no further sample is begun with
 */
export function fold(
  rules: readonly WatchingRule[],
  open: ReadonlyMap<string, string | null>,
  samples: readonly WaitingSample[],
  most = Number.POSITIVE_INFINITY,
): Folded {
  const states = new Map(rules.map((rule) => [rule.id, rule]));
  const watching = Map.groupBy(rules, ({ metric }) => metric);
  const judged = new Set<string>();
  const book = createBook(open, rules);
  let taken = 0;
  for (const sample of samples) {
    if (book.changes() >= most) break;
    taken += 1;
    const judging: WatchingRule[] = [];
    for (const { id } of watching.get(sample.metric) ?? []) {
      const next = judge(states.get(id) as WatchingRule, sample);
      if (next === null) continue;
      states.set(id, next);
      judged.add(id);
      judging.push(next);
    }
    // Ends come first: the signal that one rule resolves is opened again by another that still lasts.
    for (const rule of judging) if (rule.breachedSince === null) book.end(rule);
    const lasting = judging.filter((rule) => lasts(rule, sample));
    for (const sharing of Map.groupBy(lasting, keyOfRule).values()) {
      book.last(sharing[0] as WatchingRule, sample);
    }
  }
  book.close();
  const touched = [...states.values()].filter(({ id }) => judged.has(id));
  const { transitions, changes } = book;
  return { taken, states: touched, transitions, changes: changes() };
}

/** The rule after this sample; null when it comes too late. */
function judge(rule: WatchingRule, sample: WaitingSample): WatchingRule | null {
  if (rule.lastSampleAt !== null && sample.at < rule.lastSampleAt) return null;
  const breachedSince = breaches(rule, sample.value) ? (rule.breachedSince ?? sample.at) : null;
  return { ...rule, breachedSince, lastSampleAt: sample.at };
}

function lasts({ breachedSince, durationSeconds }: WatchingRule, { at }: WaitingSample): boolean {
  return breachedSince !== null && at - breachedSince >= durationSeconds * 1_000;
}

const keyOfRule = ({ metric, severity }: WatchingRule) => keyOf(metric, severity);

/** Keeps who opened what, and writes down what becomes of it. */
function createBook(open: ReadonlyMap<string, string | null>, rules: readonly WatchingRule[]) {
  const owners = new Map(open);
  // Most rules have nothing open, and need not look.
  const opening = new Set(owners.values());
  const metrics = new Map<string | null, string>(rules.map(({ id, metric }) => [id, metric]));
  const counts = new Map<string, { times: number; sample: WaitingSample }>();
  const transitions: Transition[] = [];
  const settle = (key: string) => {
    const count = counts.get(key);
    if (count) transitions.push({ kind: "counted", key, ...count });
    counts.delete(key);
  };
  const recover = (key: string) => {
    settle(key);
    owners.delete(key);
    transitions.push({ kind: "recovered", key });
  };
  /** Whether something is open there of a rule that watches this metric no more. */
  const isLeft = (key: string, metric: string) => {
    const owner = owners.get(key);
    return owner !== undefined && metrics.get(owner) !== metric;
  };
  return {
    transitions,
    changes: () => transitions.filter(({ kind }) => kind !== "counted").length,
    /** The rule sees no breach. Its severity may have been another when it opened a signal. */
    end(rule: WatchingRule): void {
      if (owners.size === 0) return;
      const shared = keyOfRule(rule);
      if (isLeft(shared, rule.metric)) recover(shared);
      if (!opening.has(rule.id)) return;
      for (const [key, owner] of owners) {
        if (owner === rule.id && isOf(rule.metric, key)) recover(key);
      }
    },
    /** The rule's breach lasts. */
    last(rule: WatchingRule, sample: WaitingSample): void {
      const key = keyOfRule(rule);
      if (owners.has(key)) {
        counts.set(key, { times: (counts.get(key)?.times ?? 0) + 1, sample });
        return;
      }
      owners.set(key, rule.id);
      opening.add(rule.id);
      transitions.push({ kind: "opened", rule, sample });
    },
    close(): void {
      for (const key of [...counts.keys()]) settle(key);
    },
  };
}
