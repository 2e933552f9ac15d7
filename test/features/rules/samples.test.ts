import { describe, expect, it } from "vitest";
import { samplesOf } from "../../../src/features/rules/samples.ts";

const AT = new Date("2026-11-21T09:30:00Z");

describe("the metrics of an event", () => {
  it("are the finite numbers at the top level whose names a metric may have", () => {
    const metadata = {
      response_time_sec: 1.5,
      zero: 0,
      "cpu.load:1-min": -3e-7,
      text: "7",
      yes: true,
      nothing: null,
      nested: { inner: 1 },
      list: [1],
      "two words": 2,
      "": 3,
      umlaut_ä: 4,
      "line\n": 5,
      endless: Number.POSITIVE_INFINITY,
      below: Number.NEGATIVE_INFINITY,
      none: Number.NaN,
      [`${"x".repeat(100)}`]: 6,
      [`${"x".repeat(101)}`]: 7,
    };
    expect(samplesOf(metadata, AT)).toEqual([
      { metric: "response_time_sec", value: 1.5, at: AT },
      { metric: "zero", value: 0, at: AT },
      { metric: "cpu.load:1-min", value: -3e-7, at: AT },
      { metric: "x".repeat(100), value: 6, at: AT },
    ]);
  });

  it("are 50 at most, whatever stands between them", () => {
    const names = Array.from({ length: 120 }, (_, nth) => `m${nth}`);
    const metadata = Object.fromEntries(names.map((name, nth) => [name, nth % 2 ? nth : "text"]));
    const samples = samplesOf(metadata, AT);
    expect(samples).toHaveLength(50);
    expect(samples.map(({ value }) => value)).toEqual(
      Array.from({ length: 50 }, (_, nth) => 2 * nth + 1),
    );
  });

  it("are none where there is nothing", () => {
    expect(samplesOf({}, AT)).toEqual([]);
  });
});
