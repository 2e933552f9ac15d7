/**
 * Random lives of some rules: what is measured, who adds, removes, switches or changes them, who
 * resolves signals by hand, and when somebody evaluates.
 */
import fc from "fast-check";
import { SEVERITIES, type Severity } from "../../src/features/rules/rules.tables.ts";
import type { History, ReferenceRule } from "./rules-reference.ts";

/** With a colon too, which keys are made with. */
const METRICS = ["m", "m:low"] as const;
const SOME_SEVERITIES: readonly Severity[] = ["low", "high", "critical"];
const SECOND = 1_000;

export type Act =
  | {
      readonly kind: "sample";
      readonly metric: string;
      readonly value: number;
      readonly ms: number;
    }
  | { readonly kind: "evaluate" }
  | { readonly kind: "resolve"; readonly metric: string; readonly severity: Severity }
  | { readonly kind: "switch"; readonly rule: number }
  | { readonly kind: "threshold"; readonly rule: number; readonly threshold: number }
  | { readonly kind: "severity"; readonly rule: number; readonly severity: Severity }
  | { readonly kind: "metric"; readonly rule: number; readonly metric: string }
  /** Maybe to add one that is the same. */
  | { readonly kind: "remove"; readonly rule: number; readonly again: boolean }
  | { readonly kind: "add"; readonly spec: RuleSpec };

/** A rule before it has an id. */
export type RuleSpec = Omit<ReferenceRule, "id">;

export interface Series {
  readonly rules: readonly RuleSpec[];
  readonly acts: readonly Act[];
}

// Most share one.
const metric = fc.constantFrom(...METRICS, "m", "m");
const severity = fc.constantFrom(...SOME_SEVERITIES, "high", "high");
const rule = fc.nat({ max: 5 });
// Few values, so that many lie on thresholds, and one that no decimal fraction is.
const value = fc.constantFrom(-2, -1, 0, 0.1 + 0.2, 1, 2);
const threshold = fc.constantFrom(-1, 0, 0.3, 1);

const spec: fc.Arbitrary<RuleSpec> = fc.record({
  metric,
  operator: fc.constantFrom(">", "<"),
  threshold,
  durationSeconds: fc.constantFrom(0, 0, 1, 2, 5),
  severity,
  active: fc.constantFrom(true, true, true, false),
});

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant("sample"),
      metric,
      value,
      // Since the one before; less than none is late.
      ms: fc.constantFrom(-3 * SECOND, -1, 0, 0, 1, 500, SECOND, SECOND, 2 * SECOND),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("evaluate") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("resolve"), metric, severity }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("switch"), rule }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("threshold"), rule, threshold }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("severity"), rule, severity }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("metric"), rule, metric }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove"), rule, again: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("add"), spec }) },
);

export const series = (longest: number): fc.Arbitrary<Series> =>
  fc.record({
    rules: fc.array(spec, { minLength: 2, maxLength: 6 }),
    acts: fc.array(act, { minLength: longest / 2, maxLength: longest, size: "max" }),
  });

interface Measured {
  readonly metric: string;
  readonly value: number;
  /** In ms since the epoch. */
  readonly at: number;
}

/** Whoever does what a series says. Rules go by their place: that in the series, then as they are added. */
export interface Player {
  take(samples: readonly Measured[]): Promise<void>;
  evaluate(): Promise<void>;
  resolve(key: string): Promise<void>;
  change(rule: number, changes: Partial<ReferenceRule>): Promise<void>;
  remove(rule: number): Promise<void>;
  add(spec: RuleSpec): Promise<void>;
}

type StandingRule = RuleSpec & { gone: boolean };

/**
 * Has a series played from this time on, in ms. @returns what happened, in the order in which it
 * counts: samples when they are judged, if an active rule watched their metric as they came
 */
export async function play(
  { rules, acts }: Series,
  from: number,
  player: Player,
): Promise<History> {
  const now: StandingRule[] = rules.map((each) => ({ ...each, gone: false }));
  const history: History[number][] = [];
  let waiting: Measured[] = [];
  let arriving: Measured[] = [];
  let clock = from;
  for (const each of [...acts, { kind: "evaluate" } as const]) {
    if (each.kind === "sample") {
      clock += Math.max(0, each.ms);
      arriving.push({ metric: each.metric, value: each.value, at: clock + Math.min(0, each.ms) });
      continue;
    }
    if (arriving.length > 0) await player.take(arriving);
    const watching = now.filter(({ active, gone }) => active && !gone);
    const watched = new Set(watching.map((rule) => rule.metric));
    waiting.push(...arriving.filter(({ metric }) => watched.has(metric)));
    arriving = [];
    if (each.kind === "evaluate") {
      await player.evaluate();
      history.push(...waiting.map((sample) => ({ kind: "sample", ...sample }) as const));
      waiting = [];
    } else if (each.kind === "resolve") {
      const key = `rule:${each.metric}:${each.severity}`;
      await player.resolve(key);
      history.push({ kind: "resolve", key });
    } else if (each.kind === "add") {
      await player.add(each.spec);
      history.push(addition(each.spec, now));
    } else {
      const entry = changeOf(each, now);
      if (!entry) continue;
      history.push(entry);
      if (entry.kind === "change") {
        await player.change(entry.rule, entry.changes);
        continue;
      }
      await player.remove(entry.rule);
      if (each.kind !== "remove" || !each.again) continue;
      const { gone: _, ...spec } = now[entry.rule] as StandingRule;
      await player.add(spec);
      history.push(addition(spec, now));
    }
  }
  return history;
}

function addition(spec: RuleSpec, now: StandingRule[]): History[number] {
  return { kind: "add", rule: now.push({ ...spec, gone: false }) - 1 };
}

/** Changes one of the rules that are there, or removes it; null where there is none. */
function changeOf(
  each: Extract<Act, { rule: number }>,
  now: StandingRule[],
): Extract<History[number], { kind: "change" | "remove" }> | null {
  const there = [...now.keys()].filter((place) => !now[place]?.gone);
  const place = there[each.rule % there.length];
  if (place === undefined) return null;
  const rule = now[place] as StandingRule;
  if (each.kind === "remove") {
    now[place] = { ...rule, gone: true };
    return { kind: "remove", rule: place };
  }
  const changes = changesOf(each, rule);
  now[place] = { ...rule, ...changes };
  return { kind: "change", rule: place, changes, anew: beginsAnew(rule, changes) };
}

function changesOf(
  each: Exclude<Extract<Act, { rule: number }>, { kind: "remove" }>,
  { active }: RuleSpec,
): Partial<ReferenceRule> {
  if (each.kind === "switch") return { active: !active };
  if (each.kind === "metric") return { metric: each.metric };
  return each.kind === "threshold" ? { threshold: each.threshold } : { severity: each.severity };
}

/** Whether a rule that is changed so forgets what it was held against. */
export function beginsAnew(rule: RuleSpec, changes: Partial<RuleSpec>): boolean {
  const { metric = rule.metric, threshold = rule.threshold, active } = changes;
  return metric !== rule.metric || threshold !== rule.threshold || active === true;
}

/** Every key that a series may be about. */
export const KEYS = METRICS.flatMap((name) => SEVERITIES.map((each) => `rule:${name}:${each}`));
