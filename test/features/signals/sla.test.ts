/** What a report means against what is promised. */
import { describe, expect, it } from "vitest";
import { judge, type SlaReport } from "../../../src/features/signals/sla.ts";

const PROMISED = { responseTimeMs: 800, errorRatePercent: 2, downtimeMinutes: 5 };
const report = (ms: number | null, percent: number | null, minutes: number | null): SlaReport => ({
  responseTimeMs: ms,
  errorRatePercent: percent,
  downtimeMinutes: minutes,
});

describe("a report", () => {
  it.each([
    ["of nothing at all", 0, 0, 0, "low", "sla.within"],
    ["exactly at every promise", 800, 2, 5, "low", "sla.within"],
    ["a little under every one", 799.999, 1.999, 4.999, "low", "sla.within"],
    ["over the error rate", 800, 2.001, 5, "medium", "sla.error_rate"],
    ["of errors alone", null, 100, null, "medium", "sla.error_rate"],
    ["over the response time", 800.001, 2, 5, "high", "sla.response_time"],
    ["over response time and error rate", 801, 3, 5, "high", "sla.response_time"],
    ["of a response time alone", 801, null, null, "high", "sla.response_time"],
    ["over the downtime", 800, 2, 5.001, "critical", "sla.downtime"],
    ["over everything", 9_000, 100, 1_440, "critical", "sla.downtime"],
    ["over downtime and error rate", 1, 3, 6, "critical", "sla.downtime"],
    ["of a downtime alone", null, null, 6, "critical", "sla.downtime"],
    ["with nothing but a good response time", 10, null, null, "low", "sla.within"],
  ] as const)("%s", (_, ms, percent, minutes, severity, kind) => {
    expect(judge(report(ms, percent, minutes), PROMISED)).toMatchObject({ severity, kind });
  });

  it("is judged by the company's own promises", () => {
    const strict = { responseTimeMs: 500, errorRatePercent: 0, downtimeMinutes: 0 };
    expect(judge(report(800, null, null), strict).severity).toBe("high");
    expect(judge(report(500, 0, 0), strict).severity).toBe("low");
    expect(judge(report(null, 0.001, null), strict).severity).toBe("medium");
    expect(judge(report(null, null, 0.001), strict).severity).toBe("critical");
  });

  it.each([
    ["all of them", 1, 1, 1, ["sla.downtime", "sla.response_time", "sla.error_rate"]],
    ["those at their limit", 800, 2, 5, ["sla.downtime", "sla.response_time", "sla.error_rate"]],
    ["those that were measured", null, 0, null, ["sla.error_rate"]],
    ["those beside the one that is broken", 801, null, 0, ["sla.downtime"]],
    ["those beside two that are broken", 1, 3, 6, ["sla.response_time"]],
    ["none where all are broken", 801, 3, 6, []],
  ] as const)("shows promises to be kept: %s", (_, ms, percent, minutes, kept) => {
    expect(judge(report(ms, percent, minutes), PROMISED).kept).toEqual(kept);
  });

  it("has a key where it breaks none", () => {
    expect(judge(report(800, null, null), PROMISED).dedupeKey).toBe("sla:within");
    expect(judge(report(801, null, null), PROMISED).dedupeKey).toBeNull();
  });

  it("is told with what was measured and what was promised", () => {
    expect(judge(report(900, null, 0), PROMISED)).toMatchObject({
      kind: "sla.response_time",
      severity: "high",
      title: "Response time over the SLA",
      description: "Downtime 0 min, promised 5 min. Response time 900 ms, promised 800 ms.",
    });
    expect(judge(report(null, 0.4, null), PROMISED)).toMatchObject({
      title: "Within the SLA",
      description: "Error rate 0.4 %, promised 2 %.",
    });
  });
});
