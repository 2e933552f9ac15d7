import { describe, expect, it } from "vitest";
import { createExpiring } from "../../../src/features/services/expiring.ts";
import { SECOND, standingClock } from "../../support/clock.ts";

const { pass } = standingClock();

describe("what expires", () => {
  it("is there while it is fresh, and counts from when it was read", () => {
    const map = createExpiring<string>(10, 5 * SECOND);
    map.set("a", "read now", Date.now());
    map.set("b", "read before", Date.now() - SECOND);
    pass(4 * SECOND - 1);
    expect([map.get("a"), map.get("b")]).toEqual(["read now", "read before"]);
    pass(1);
    expect([map.get("a"), map.get("b")]).toEqual(["read now", undefined]);
    pass(SECOND);
    expect(map.get("a")).toBeUndefined();
  });

  it("is gone when it is met", () => {
    const map = createExpiring<string>(10, 5 * SECOND);
    map.set("a", "secret", Date.now());
    pass(5 * SECOND);
    expect(map.size).toBe(1);
    map.get("a");
    expect(map.size).toBe(0);
  });

  it("is gone when something else is set, once in a while", () => {
    const map = createExpiring<string>(10, 5 * SECOND);
    map.set("a", "secret", Date.now());
    pass(SECOND);
    map.set("b", "secret", Date.now());
    pass(4 * SECOND);
    map.set("c", "fresh", Date.now());
    expect(map.size).toBe(2);
    expect(map.get("b")).toBe("secret");
    // That of b is not looked for again so soon.
    pass(SECOND);
    map.set("d", "fresh", Date.now());
    expect(map.size).toBe(3);
    pass(4 * SECOND);
    map.set("e", "fresh", Date.now());
    expect(map.size).toBe(2);
  });

  it("is forgotten, and never too much", () => {
    const map = createExpiring<number>(2, 5 * SECOND);
    for (const [value, key] of ["a", "b", "c"].entries()) map.set(key, value, Date.now());
    expect([map.size, map.get("a"), map.get("b")]).toEqual([2, undefined, 1]);
    map.delete("b");
    expect([map.size, map.get("b")]).toEqual([1, undefined]);
  });

  it("drops what was idle longest, also after it was swept", () => {
    const map = createExpiring<string>(3, 5 * SECOND);
    map.set("stale", "x", Date.now());
    pass(4 * SECOND);
    map.set("first", "x", Date.now());
    map.set("second", "x", Date.now());
    pass(SECOND);
    map.set("third", "x", Date.now());
    expect(map.size).toBe(3);
    map.set("fourth", "x", Date.now());
    expect([map.get("first"), map.get("second"), map.get("third")]).toEqual([undefined, "x", "x"]);
  });
});
