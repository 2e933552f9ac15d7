import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fromBase64,
  fromBase64NoPad,
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase64,
  toBase64NoPad,
  toBase64Url,
  toHex,
  utf8,
} from "../../../src/platform/crypto/encoding.ts";
import { holds } from "../../support/property.ts";

const bytes = () => fc.uint8Array({ maxLength: 80 });

describe("base64url", () => {
  // RFC 4648, section 10, without the padding.
  it.each([
    ["", ""],
    ["f", "Zg"],
    ["fo", "Zm8"],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg"],
    ["fooba", "Zm9vYmE"],
    ["foobar", "Zm9vYmFy"],
  ])("encodes %j as %j", (text, encoded) => {
    expect(toBase64Url(utf8(text))).toBe(encoded);
    expect(fromBase64Url(encoded)).toEqual(utf8(text));
  });

  it("uses the URL-safe letters", () => {
    expect(toBase64Url(new Uint8Array([0xfb, 0xef, 0xff]))).toBe("--__");
    expect(toBase64NoPad(new Uint8Array([0xfb, 0xef, 0xff]))).toBe("++//");
  });

  it.each([
    ["padding", "Zg=="],
    ["the other alphabet", "++//"],
    ["a lone letter", "Z"],
    ["trailing bits", "Zh"],
    ["white space", "Zm9v\n"],
    ["a letter outside", "Zm9*"],
    ["a dot", "Zm9v."],
    ["a letter beyond ASCII", "Zm9ŷ"],
  ])("refuses %s", (_, text) => {
    expect(fromBase64Url(text)).toBeNull();
  });

  it("gives every byte string back, whole or as a window on a larger one", async () => {
    await holds("base64url round trip", [bytes(), fc.nat(7)], (data, offset) => {
      const wide = new Uint8Array(data.byteLength + offset + 3);
      wide.set(data, offset);
      const window = wide.subarray(offset, offset + data.byteLength);
      expect(fromBase64Url(toBase64Url(window))).toEqual(data);
      expect(fromBase64NoPad(toBase64NoPad(window))).toEqual(data);
    });
  });

  it("has one spelling for each byte string", async () => {
    const text = fc.string({ unit: fc.constantFrom(..."AQgwZz09-_+/= "), maxLength: 9 });
    await holds("base64url is canonical", [text], (spelling) => {
      const decoded = fromBase64Url(spelling);
      if (decoded !== null) expect(toBase64Url(decoded)).toBe(spelling);
    });
  });
});

describe("standard base64 without padding", () => {
  it.each(["Zg==", "Zh", "Z", "--__", "Zm9v "])("refuses %j", (text) => {
    expect(fromBase64NoPad(text)).toBeNull();
  });
});

describe("standard base64 with padding", () => {
  // RFC 4648, section 10.
  it.each([
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg=="],
  ])("encodes %j as %j", (text, encoded) => {
    expect(toBase64(utf8(text))).toBe(encoded);
    expect(fromBase64(encoded)).toEqual(utf8(text));
  });

  it.each(["Zg", "Zg=", "Zg===", "Zh==", "Zm9v=", "--__", "Zm9v\n", "Z", "="])(
    "refuses %j",
    (text) => {
      expect(fromBase64(text)).toBeNull();
    },
  );
});

describe("UTF-8", () => {
  it("gives every text back, a byte order mark included", async () => {
    await holds("UTF-8 round trip", [fc.string({ unit: "binary" })], (text) => {
      expect(fromUtf8(utf8(`\ufeff${text}`))).toBe(`\ufeff${text}`);
    });
  });

  it("throws on bytes that are not UTF-8", () => {
    expect(() => fromUtf8(new Uint8Array([0xc0, 0x80]))).toThrow(TypeError);
  });
});

describe("hexadecimal", () => {
  it("has two lower-case digits a byte", () => {
    expect(toHex(new Uint8Array([0, 10, 171, 255]))).toBe("000aabff");
  });

  it("gives every byte string back", async () => {
    await holds("hexadecimal round trip", [bytes()], (data) => {
      expect(fromHex(toHex(data))).toEqual(data);
    });
  });

  it.each(["0", "0A", "AB", "0g", "00 ", "0x00", "00\n", "é0"])("refuses %j", (text) => {
    expect(fromHex(text)).toBeNull();
  });
});
