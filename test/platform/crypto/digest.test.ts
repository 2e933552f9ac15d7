import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { constantTimeEqual, sha256, sha256Hex } from "../../../src/platform/crypto/digest.ts";
import { toHex, utf8 } from "../../../src/platform/crypto/encoding.ts";
import { holds } from "../../support/property.ts";

describe("SHA-256", () => {
  // FIPS 180-2, appendix B.1, and the empty message of NIST's test vectors.
  it.each([
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ])("of %j", async (text, digest) => {
    expect(await sha256Hex(text)).toBe(digest);
    expect(toHex(await sha256(utf8(text)))).toBe(digest);
  });

  it("reads only the window of a larger buffer", async () => {
    const window = utf8("xabcx").subarray(1, 4);
    expect(await sha256Hex(window)).toBe(await sha256Hex("abc"));
  });
});

describe("constantTimeEqual", () => {
  it("agrees with the comparison of the hexadecimal forms", async () => {
    const some = fc.uint8Array({ maxLength: 3, max: 2 });
    await holds("constantTimeEqual", [some, some], (a, b) => {
      expect(constantTimeEqual(a, b)).toBe(toHex(a) === toHex(b));
    });
  });

  it("calls unequal lengths unequal instead of throwing", () => {
    expect(constantTimeEqual(utf8("secret"), utf8("secre"))).toBe(false);
    expect(constantTimeEqual(utf8(""), utf8("s"))).toBe(false);
  });

  it("sees a difference in the last byte", () => {
    expect(constantTimeEqual(utf8("secret"), utf8("secres"))).toBe(false);
    expect(constantTimeEqual(utf8("secret"), utf8("secret"))).toBe(true);
  });
});
