/**
 * Random lives of some rules: what is measured, who switches or changes them, who resolves signals by
 * hand, and when somebody evaluates.
 */
import fc from "fast-check";
import { SEVERITIES, type Severity } from "../../src/features/rules/rules.tables.ts";
import type { History, ReferenceRule } from "./rules-reference.ts";

/** With a colon too, which keys are made with. */
const METRICS = ["m", "m:low"] as const;
/** Some rules share one. */
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
  | { readonly kind: "severity"; readonly rule: number; readonly severity: Severity };

/** A rule before it has an id. */
export type RuleSpec = Omit<ReferenceRule, "id">;

export interface Series {
  readonly rules: readonly RuleSpec[];
  readonly acts: readonly Act[];
}

const metric = fc.constantFrom(...METRICS);
const severity = fc.constantFrom(...SOME_SEVERITIES);
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
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("switch"), rule }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("threshold"), rule, threshold }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("severity"), rule, severity }) },
);

export const series = (longest: number): fc.Arbitrary<Series> =>
  fc.record({
    rules: fc.array(spec, { minLength: 2, maxLength: 6 }),
    acts: fc.array(act, { minLength: 5, maxLength: longest, size: "max" }),
  });

interface Measured {
  readonly metric: string;
  readonly value: number;
  /** In ms since the epoch. */
  readonly at: number;
}

/** Whoever does what a series says. */
export interface Player {
  take(samples: readonly Measured[]): Promise<void>;
  evaluate(): Promise<void>;
  resolve(key: string): Promise<void>;
  change(rule: number, changes: Partial<ReferenceRule>): Promise<void>;
}

/**
 * Has a series played from this time on, in ms. @returns what happened, in the order in which it
 * counts: samples when they are judged, if an active rule watched their metric as they came
 */
export async function play(
  { rules, acts }: Series,
  from: number,
  player: Player,
): Promise<History> {
  const now = rules.map((each) => ({ ...each }));
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
    const watched = new Set(now.filter(({ active }) => active).map((rule) => rule.metric));
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
    } else {
      const place = each.rule % now.length;
      const rule = now[place] as RuleSpec & { active: boolean };
      const changes = changesOf(each, rule);
      const anew =
        (changes.threshold !== undefined && changes.threshold !== rule.threshold) ||
        changes.active === true;
      Object.assign(rule, changes);
      await player.change(place, changes);
      history.push({ kind: "change", rule: place, changes, anew });
    }
  }
  return history;
}

function changesOf(
  each: Extract<Act, { rule: number }>,
  { active }: RuleSpec,
): Partial<ReferenceRule> {
  if (each.kind === "switch") return { active: !active };
  return each.kind === "threshold" ? { threshold: each.threshold } : { severity: each.severity };
}

/** Every key that a series may be about. */
export const KEYS = METRICS.flatMap((name) => SEVERITIES.map((each) => `rule:${name}:${each}`));
