import { expect, it } from "vitest";
import { fromBase64Url } from "../../../src/platform/crypto/encoding.ts";
import { randomBytes, randomToken } from "../../../src/platform/crypto/random.ts";

it("makes as many bytes as asked for, and others each time", () => {
  expect(randomBytes(0).byteLength).toBe(0);
  expect(randomBytes(12).byteLength).toBe(12);
  expect(randomBytes(32)).not.toEqual(randomBytes(32));
});

it("makes tokens of 256 bits that never repeat", () => {
  const tokens = Array.from({ length: 100 }, randomToken);
  expect(new Set(tokens).size).toBe(100);
  for (const token of tokens) expect(fromBase64Url(token)?.byteLength).toBe(32);
});
