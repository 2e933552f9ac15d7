/** How urgent a signal is as it is opened, against the formula as the design writes it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SEVERITIES } from "../../../src/features/rules/rules.tables.ts";
import { riskScore } from "../../../src/features/signals/risk.ts";
import { holds } from "../../support/property.ts";

const WEIGHTS = { low: 1, medium: 2, warning: 2, high: 3, critical: 5 };
const MINUTE = 60_000;

/** Written down from the design: log of a sum, a line from 1 to 0.5, two places. */
function reference(weight: number, frequency: number, ageMs: number, windowMs: number): number {
  let recency = 1;
  if (ageMs >= windowMs) recency = 0.5;
  else if (ageMs > 0) recency = 1 - ageMs / (2 * windowMs);
  return Number((10 * Math.log(1 + weight * frequency * recency)).toFixed(2));
}

describe("the risk score", () => {
  it.each([
    ["low", 1, 0, 6.93],
    ["medium", 1, 0, 10.99],
    ["warning", 1, 0, 10.99],
    ["high", 1, 0, 13.86],
    ["critical", 1, 0, 17.92],
    ["high", 3, 0, 23.03],
    ["high", 1, 1.5, 11.79],
    ["high", 1, 3, 9.16],
    ["high", 1, 60, 9.16],
    ["high", 1, -5, 13.86],
  ] as const)("of a %s one of %d, %d minutes old, is %d", (severity, frequency, minutes, score) => {
    const facts = { severity, frequency, ageMs: minutes * MINUTE, windowMinutes: 3 };
    expect(riskScore(facts)).toBe(score);
  });

  it("is the formula's for every signal", async () => {
    let checked = 0;
    await holds(
      "risk score",
      [
        fc.constantFrom(...SEVERITIES),
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: -3_600_000, max: 7_200_000 }),
        fc.integer({ min: 1, max: 1_440 }),
      ],
      (severity, frequency, ageMs, windowMinutes) => {
        const score = riskScore({ severity, frequency, ageMs, windowMinutes });
        const windowMs = windowMinutes * MINUTE;
        const wanted = reference(WEIGHTS[severity], frequency, ageMs, windowMs);
        // Two ways to round the same number may part at the half.
        expect(Math.abs(score - wanted)).toBeLessThan(0.0101);
        expect(score).toBeGreaterThan(0);
        checked += 1;
      },
      1_000,
    );
    expect(checked).toBe(1_000);
    console.log(`risk: ${checked} scores as the formula says`);
  });
});
