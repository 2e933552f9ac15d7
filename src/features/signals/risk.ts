import type { Severity } from "../rules/index.ts";

/**
 * How much a signal of this severity weighs. A `warning` weighs as much as a `medium` one: it stands
 * between medium and high, and what is only announced shall not outweigh what is already so.
 */
const WEIGHTS: Readonly<Record<Severity, number>> = {
  low: 1,
  medium: 2,
  warning: 2,
  high: 3,
  critical: 5,
};

/** Recency at the window's end and ever after. */
const LEAST_RECENCY = 0.5;
const MINUTE_MS = 60_000;

export interface RiskFacts {
  readonly severity: Severity;
  /** Open signals of the kind in the window, this one included. */
  readonly frequency: number;
  /** How long ago it happened, in ms; what is said to come counts as now. */
  readonly ageMs: number;
  readonly windowMinutes: number;
}

/** 10·ln(1 + weight·frequency·recency), in hundredths: how urgent a signal is as it is opened. */
export function riskScore({ severity, frequency, ageMs, windowMinutes }: RiskFacts): number {
  const share = Math.min(1, Math.max(0, ageMs) / (windowMinutes * MINUTE_MS));
  const recency = 1 - (1 - LEAST_RECENCY) * share;
  const score = 10 * Math.log1p(WEIGHTS[severity] * frequency * recency);
  return Math.round(score * 100) / 100;
}
