import type { RULE_OPERATORS } from "./rules.tables.ts";

/** What tells when a rule is breached. */
interface Condition {
  readonly metric: string;
  readonly operator: (typeof RULE_OPERATORS)[number];
  readonly threshold: number;
}

/** Measures that are never below zero, and shares that never pass the whole, by the metric's name. */
const NOT_NEGATIVE = /_(?:percent|ms|seconds|minutes|bytes|count)$/;
const SHARE = /_percent$/;

/** Whether the value breaches the threshold; the threshold itself does not. */
export function breaches({ operator, threshold }: Condition, value: number): boolean {
  return operator === ">" ? value > threshold : value < threshold;
}

/** Why no value can ever breach this, for whoever sent it; null where one can. */
export function thresholdFault({ metric, operator, threshold }: Condition): string | null {
  if (operator === ">" && SHARE.test(metric) && threshold >= 100) {
    return "can never be breached: a percentage is not over 100";
  }
  if (operator === "<" && NOT_NEGATIVE.test(metric) && threshold <= 0) {
    return `can never be breached: ${metric} is not below 0`;
  }
  return null;
}
