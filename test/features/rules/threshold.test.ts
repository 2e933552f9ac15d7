import { describe, expect, it } from "vitest";
import { breaches, thresholdFault } from "../../../src/features/rules/threshold.ts";

describe("a threshold", () => {
  it.each<[operator: ">" | "<", value: number, breached: boolean]>([
    [">", 5.000000000000001, true],
    [">", 5, false],
    [">", 4, false],
    ["<", 4.999999999999999, true],
    ["<", 5, false],
    ["<", 6, false],
  ])("%s 5 and a value of %d: %s", (operator, value, breached) => {
    expect(breaches({ metric: "m", operator, threshold: 5 }, value)).toBe(breached);
  });

  it.each<[metric: string, operator: ">" | "<", threshold: number]>([
    ["error_rate_percent", ">", 100],
    ["error_rate_percent", ">", 250.5],
    ["error_rate_percent", "<", 0],
    ["error_rate_percent", "<", -1],
    ["checkout_latency_ms", "<", 0],
    ["response_time_seconds", "<", -0.5],
    ["downtime_minutes", "<", 0],
    ["free_bytes", "<", 0],
    ["retry_count", "<", 0],
  ])("that nothing breaches is told: %s %s %d", (metric, operator, threshold) => {
    expect(thresholdFault({ metric, operator, threshold })).toMatch(/^can never be breached: /);
  });

  it.each<[metric: string, operator: ">" | "<", threshold: number]>([
    ["error_rate_percent", ">", 99.99],
    ["error_rate_percent", ">", 0],
    ["error_rate_percent", ">", -1],
    ["error_rate_percent", "<", 0.01],
    ["error_rate_percent", "<", 100],
    ["checkout_latency_ms", "<", 1],
    ["checkout_latency_ms", ">", 0],
    ["temperature", "<", -40],
    ["percent", ">", 150],
    ["percent_of_plan", ">", 150],
    ["items_count_delta", "<", 0],
  ])("that something may breach is none: %s %s %d", (metric, operator, threshold) => {
    expect(thresholdFault({ metric, operator, threshold })).toBeNull();
  });
});
