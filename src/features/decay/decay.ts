import type { Severity } from "../rules/index.ts";

/** A measurement of the replies of a week. */
export interface Measured {
  /** Replies that say it. */
  readonly count: number;
  /** In thousandths. */
  readonly sum: bigint;
}

/** What the replies of a week come to. */
export interface Week {
  readonly replies: number;
  readonly actors: number;
  /** In seconds. */
  readonly responseTime: Measured;
  /** In characters. */
  readonly messageLength: Measured;
}

/** A number that is exact: no rounding decides whether a boundary is reached. */
interface Fraction {
  readonly top: bigint;
  readonly bottom: bigint;
}

/** What support decays in, and the change in percent that makes it one: from there on it counts. */
interface Indicator {
  readonly words: string;
  readonly unit: string;
  /** Null where the week does not say. */
  readonly of: (week: Week) => Fraction | null;
  readonly change: number;
}

const INDICATORS: readonly Indicator[] = [
  { words: "replies", unit: "", of: (week) => whole(week.replies), change: -40 },
  {
    words: "mean response time",
    unit: " s",
    of: (week) => mean(week.responseTime),
    change: 30,
  },
  {
    words: "mean message length",
    unit: " characters",
    of: (week) => mean(week.messageLength),
    change: -35,
  },
  { words: "people who reply", unit: "", of: (week) => whole(week.actors), change: -30 },
];

/** How severe so many indicators are; fewer are none. */
const SEVERITIES: Readonly<Record<number, Severity>> = { 2: "low", 3: "medium", 4: "high" };

/** What the comparison of two weeks says. */
export interface Verdict {
  /** Null where support does not decay. */
  readonly severity: Severity | null;
  /** Each indicator in words, with its figures. */
  readonly indicators: readonly string[];
}

/**
 * Compares the replies of a week with those of the week before. A mean is compared where both weeks
 * have it; of nothing there is no percentage.
 * @returns null without replies in the week before: then there is no comparison
 */
export function compareWeeks(before: Week, recent: Week): Verdict | null {
  if (before.replies === 0) return null;
  const indicators = INDICATORS.flatMap((indicator) => {
    const [then, now] = [indicator.of(before), indicator.of(recent)];
    if (!then || !now || !hasChanged(then, now, indicator.change)) return [];
    return [inWords(indicator, amountOf(then), amountOf(now))];
  });
  return { severity: SEVERITIES[indicators.length] ?? null, indicators };
}

/** Whether it went up, or down where the change is negative, by at least so many percent. */
function hasChanged(then: Fraction, now: Fraction, change: number): boolean {
  if (then.top === 0n) return false;
  const reached = now.top * then.bottom * 100n;
  const boundary = then.top * now.bottom * BigInt(100 + change);
  return change < 0 ? reached <= boundary : reached >= boundary;
}

const whole = (count: number): Fraction => ({ top: BigInt(count), bottom: 1n });

const mean = ({ count, sum }: Measured): Fraction | null =>
  count === 0 ? null : { top: sum, bottom: BigInt(count) * 1_000n };

const amountOf = ({ top, bottom }: Fraction) => Number(top) / Number(bottom);

function inWords({ words, unit, change }: Indicator, then: number, now: number): string {
  const percent = Math.round((Math.abs(now - then) / then) * 1_000) / 10;
  const direction = change < 0 ? "down" : "up";
  return `${words} ${direction} ${percent} % (${legible(then)} to ${legible(now)}${unit})`;
}

/** Four digits, or all that stand before the point. */
const legible = (value: number) => (value >= 1_000 ? Math.round(value) : +value.toPrecision(4));
