import fc from "fast-check";
import { expect, it } from "vitest";
import { createLru } from "../../src/platform/lru.ts";
import { holds } from "../support/property.ts";

it("drops what was used longest ago", () => {
  const lru = createLru<number>(2);
  lru.set("a", 1);
  lru.set("b", 2);
  expect(lru.get("a")).toBe(1);
  lru.set("c", 3);
  expect(lru.get("b")).toBeUndefined();
  expect(lru.get("a")).toBe(1);
  expect(lru.get("c")).toBe(3);
});

it("keeps one value a key", () => {
  const lru = createLru<number>(2);
  lru.set("a", 1);
  lru.set("a", 2);
  expect(lru.get("a")).toBe(2);
  expect(lru.size).toBe(1);
});

it("never grows past its limit and always knows the last one set", async () => {
  const keys = fc.array(fc.constantFrom(..."abcdefgh"), { minLength: 1 });
  await holds("lru bound", [keys, fc.integer({ min: 1, max: 4 })], (sets, limit) => {
    const lru = createLru<string>(limit);
    for (const key of sets) {
      lru.set(key, key);
      expect(lru.size).toBeLessThanOrEqual(limit);
      expect(lru.get(key)).toBe(key);
    }
  });
});
