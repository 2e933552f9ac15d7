/** Who does not answer is asked by few; who answers again is heard of soon. */
import { describe, expect, it } from "vitest";
import { createSilence } from "../../src/platform/silence.ts";

const LONGEST_MS = 2_000;
const NAME = "somebody";

/** Callers at an even pace who ask somebody that answers from a time on, each question within `tookMs`. */
function asked(options: { untilMs: number; everyMs: number; answersFromMs: number }) {
  const silence = createSilence(LONGEST_MS);
  const out: { at: number; over: number; isHeard: boolean }[] = [];
  const puts: number[] = [];
  for (let now = 0; now < options.untilMs; now += options.everyMs) {
    for (const { at, isHeard } of take(out, now)) {
      if (isHeard) silence.heard(NAME, now);
      else silence.notHeard(NAME, at, now);
    }
    if (!silence.mayAsk(NAME, now)) continue;
    puts.push(now);
    const isHeard = now >= options.answersFromMs;
    out.push({ at: now, over: now + (isHeard ? 20 : LONGEST_MS), isHeard });
  }
  return puts;
}

function take<T extends { over: number }>(out: T[], now: number): T[] {
  const over = out.filter((one) => one.over <= now);
  out.splice(0, out.length, ...out.filter((one) => one.over > now));
  return over;
}

describe("somebody who does not answer", () => {
  it("is asked by those of the first half second, and then by a few", () => {
    const puts = asked({ untilMs: 60_000, everyMs: 10, answersFromMs: Number.POSITIVE_INFINITY });
    const first = puts.filter((at) => at <= 500);
    const later = puts.filter((at) => at > 500);
    expect(first).toHaveLength(51);
    // Of 5,950 callers. One in half a second at most.
    expect(later.length).toBeLessThanOrEqual(119);
    expect(later.length).toBeGreaterThan(20);
    const gaps = later.map((at, nth) => at - (later[nth - 1] ?? 0)).slice(1);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(500);
  });

  it("is asked by all again within a second and a half of answering", () => {
    const puts = asked({ untilMs: 20_000, everyMs: 10, answersFromMs: 10_000 });
    const all = Array.from({ length: 100 }, (_, nth) => 12_000 + nth * 10);
    expect(puts).toEqual(expect.arrayContaining(all));
  });

  it("is left alone for a second after a failure", () => {
    const silence = createSilence(LONGEST_MS);
    expect(silence.mayAsk(NAME, 100)).toBe(true);
    silence.notHeard(NAME, 100, 110);
    expect([silence.mayAsk(NAME, 1_109), silence.mayAsk("another", 1_109)]).toEqual([false, true]);
    expect([silence.mayAsk(NAME, 1_110), silence.mayAsk(NAME, 1_111)]).toEqual([true, false]);
  });
});

describe("a question", () => {
  it("of a caller who has gone makes nobody wait for long", () => {
    const silence = createSilence(LONGEST_MS);
    silence.mayAsk(NAME, 0);
    expect([silence.mayAsk(NAME, 600), silence.mayAsk(NAME, 601)]).toEqual([true, false]);
    silence.heard(NAME, 620);
    expect([621, 622, 623].map((now) => silence.mayAsk(NAME, now))).toEqual([true, true, true]);
  });

  it("that was lost is no word about whoever has answered since", () => {
    const silence = createSilence(LONGEST_MS);
    silence.mayAsk(NAME, 0);
    silence.mayAsk(NAME, 10);
    silence.heard(NAME, 30);
    silence.notHeard(NAME, 0, 2_000);
    expect(silence.mayAsk(NAME, 2_001)).toBe(true);
  });
});
