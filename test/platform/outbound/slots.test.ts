import { describe, expect, it } from "vitest";
import { createSlots } from "../../../src/platform/outbound/slots.ts";
import { Failure } from "../../../src/platform/problems.ts";
import { SECOND, standingClock } from "../../support/clock.ts";
import { caller, newPlace } from "../../support/outbound.ts";

const clock = standingClock();
const CALL_MS = 10 * SECOND;
/** What a place is kept for beyond that. */
const BESIDES_MS = 5 * SECOND;

/** What each of so many calls got: a way to give the place back, or a refusal. */
function takeMany(slots: ReturnType<typeof createSlots>, tenant: string, count: number) {
  return Array.from({ length: count }, () => {
    try {
      return slots.take(tenant, CALL_MS);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      expect([error.code, error.options.retryAfter]).toEqual(["overloaded", 1]);
      return null;
    }
  });
}
const takenOf = (places: readonly unknown[]) => places.filter((place) => place !== null).length;

describe("calls under way", () => {
  it("are at most 12 of a tenant and 32 in all", () => {
    const slots = createSlots();
    const counts = ["a", "b", "c"].map((tenant) => takenOf(takeMany(slots, tenant, 20)));
    expect(counts).toEqual([12, 12, 8]);
  });

  it("make room when they end, once each", () => {
    const slots = createSlots();
    const [first] = takeMany(slots, "a", 12);
    expect(takenOf(takeMany(slots, "a", 1))).toBe(0);
    first?.();
    first?.();
    expect(takenOf(takeMany(slots, "a", 2))).toBe(1);
  });

  it("that were cut off make room when they must be over", () => {
    const slots = createSlots();
    for (const tenant of ["a", "b", "c"]) takeMany(slots, tenant, 12);
    clock.pass(CALL_MS + BESIDES_MS - 1);
    expect(takenOf(takeMany(slots, "d", 1))).toBe(0);
    clock.pass(1);
    expect(takenOf(takeMany(slots, "d", 20))).toBe(12);
  });

  it("are bounded where calls are made, and nobody is asked beyond", async () => {
    const ctx = caller();
    const means = { slots: createSlots() };
    const held = takeMany(means.slots, ctx.realm.id, 11);
    const place = newPlace();
    const call = () => place.call(ctx, place.url("echo"), { means });
    const both = await Promise.all([call(), call()]);
    expect(both.map(({ answer, failure }) => answer?.status ?? failure?.code).sort()).toEqual([
      200,
      "overloaded",
    ]);
    expect(await place.seen()).toHaveLength(1);
    expect(await place.heard(ctx)).toMatchObject({ calls: 1 });
    // What ended has given its place back, well or not.
    for (const behaviour of ["echo", "cut", "echo"]) {
      const { failure } = await place.call(ctx, place.url(behaviour), { means });
      expect(failure?.code).toBe(behaviour === "cut" ? "downstream-unreachable" : undefined);
    }
    held[0]?.();
    expect((await Promise.all([call(), call()])).map(({ answer }) => answer?.status)).toEqual([
      200, 200,
    ]);
  });
});
