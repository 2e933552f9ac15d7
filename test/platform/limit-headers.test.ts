import fc from "fast-check";
import { parseList } from "structured-headers";
import { describe, expect, it } from "vitest";
import { type MetLimits, rateLimitHeaders } from "../../src/platform/limits/headers.ts";
import { wholeSeconds } from "../../src/platform/whole-seconds.ts";
import { holds } from "../support/property.ts";

describe("the headers of limits", () => {
  const standing = (name: string, limit: number, windowMs: number, left: number, resetMs: number) =>
    [
      name,
      {
        limit: { name, key: name, policy: { limit, windowMs } },
        remaining: left,
        resetMs,
        violated: false,
      },
    ] as const;

  it("are as the draft writes them", () => {
    const met: MetLimits = new Map([
      standing("tenant", 600, 60_000, 599, 60_000),
      standing("user", 300, 10_000, 0, 1),
    ]);
    expect(rateLimitHeaders(met)).toEqual({
      "ratelimit-policy": '"tenant";q=600;w=60, "user";q=300;w=10',
      ratelimit: '"tenant";r=599;t=60, "user";r=0;t=1',
    });
  });

  it("are left out where no limit was met", () => {
    expect(rateLimitHeaders(new Map())).toEqual({});
  });

  it("are structured fields whatever the numbers are", async () => {
    const numbers = fc.tuple(
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.integer({ min: 1_000, max: 86_400_000 }),
      fc.double({ min: -5, max: 1e7, noNaN: true }),
      fc.double({ min: 0.001, max: 1e8, noNaN: true }),
    );
    const names = fc.uniqueArray(fc.constantFrom("tenant", "user", "anonymous", "sign-in"), {
      minLength: 1,
    });
    await holds(
      "headers of limits",
      [names, fc.array(numbers, { minLength: 4 })],
      (all, values) => {
        const met: MetLimits = new Map(
          all.map((name, at) =>
            standing(name, ...(values[at] as [number, number, number, number])),
          ),
        );
        const headers = rateLimitHeaders(met);
        const read = (text = "") =>
          parseList(text).map(([name, parameters]) => [name, ...parameters.values()]);
        expect(read(headers["ratelimit-policy"])).toEqual(
          all.map((name, at) => [name, values[at]?.[0], wholeSeconds(values[at]?.[1] ?? 0)]),
        );
        for (const [at, [name, left, reset]] of read(headers.ratelimit).entries()) {
          expect(name).toBe(all[at]);
          expect(Number.isSafeInteger(left) && Number(left) >= 0).toBe(true);
          expect(Number.isSafeInteger(reset) && Number(reset) >= 1).toBe(true);
          expect(Number(reset) * 1_000).toBeGreaterThanOrEqual(values[at]?.[3] ?? 0);
        }
      },
    );
  });
});
