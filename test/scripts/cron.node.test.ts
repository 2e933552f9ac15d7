import { describe, expect, it } from "vitest";
import { isDue } from "../../scripts/lib/cron.ts";
import { readConfig } from "../../scripts/lib/render-config.ts";
import { ROUNDS } from "../../src/platform/jobs/chores.ts";
import { PERIODS_MS } from "../../src/platform/jobs/crons.ts";

// A Saturday: the seventh day of Cloudflare's week, which begins with Sunday as 1.
const when = new Date("2026-11-21T09:30:59.999Z");

describe("isDue", () => {
  it("knows the crons of wrangler.toml", () => {
    const due = (time: string) =>
      readConfig().triggers?.crons?.filter((cron) => isDue(cron, new Date(time)));
    const often = ["* * * * *", "*/5 * * * *", "*/30 * * * *", "0 * * * *"];
    expect(due("2026-11-21T09:00:00Z")).toEqual(often);
    expect(due("2026-11-21T09:01:00Z")).toEqual(["* * * * *"]);
    expect(due("2026-11-21T08:10:00Z")).toEqual(["* * * * *", "*/5 * * * *", "10 */4 * * *"]);
    expect(due("2026-11-21T02:40:00Z")).toEqual(["* * * * *", "*/5 * * * *", "40 2 * * *"]);
  });

  it("agrees with what the Worker believes of each cron's period", () => {
    const minute = 60_000;
    const crons = readConfig().triggers?.crons ?? [];
    expect(Object.keys(PERIODS_MS)).toEqual(crons);
    expect(Object.values(ROUNDS).filter(({ cron }) => !crons.includes(cron))).toEqual([]);
    for (const cron of crons) {
      const times: number[] = [];
      for (let time = Date.UTC(2026, 10, 21); times.length < 3; time += minute) {
        if (isDue(cron, new Date(time))) times.push(time);
      }
      const gaps = times.slice(1).map((time, at) => time - Number(times[at]));
      expect(gaps, cron).toEqual([PERIODS_MS[cron], PERIODS_MS[cron]]);
    }
  });

  it.each([
    "* * * * *",
    "30 9 * * *",
    "*/5 * * * *",
    "*/30 9 21 11 7",
    "0,30 * * * *",
    "25-35 8-10 * * *",
    "10/20 * * * *",
    "20-40/10 * * * *",
    "30 9 1 * 7",
    "30 9 21 * 1",
  ])("%s is due", (expression) => {
    expect(isDue(expression, when)).toBe(true);
  });

  it.each([
    "31 9 * * *",
    "30 10 * * *",
    "*/7 * * * *",
    "30 9 20 * *",
    "30 9 * 12 *",
    "30 9 * * 6",
    "30 9 1 * 1",
    "31/10 * * * *",
  ])("%s is not", (expression) => {
    expect(isDue(expression, when)).toBe(false);
  });

  it.each([
    "",
    "* * * *",
    "* * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 0",
    "* * * * 8",
    "* * * * MON",
    "* * L * *",
    "*/0 * * * *",
    "5-1 * * * *",
    "1,,2 * * * *",
    "-1 * * * *",
  ])("refuses %j", (expression) => {
    expect(() => isDue(expression, when)).toThrow(RangeError);
  });
});
