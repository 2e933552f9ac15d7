import { Buffer } from "node:buffer";
import { expect, it } from "vitest";
import { toHex } from "../../../src/platform/crypto/encoding.ts";
import { hkdfSha256 } from "../../../src/platform/crypto/hkdf.ts";

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

// RFC 5869, appendix A: the three SHA-256 cases (basic, long inputs, no salt and no info).
const range = (from: number, to: number) =>
  Uint8Array.from({ length: to - from }, (_, i) => from + i);
const cases = [
  {
    name: "A.1",
    material: hex("0b".repeat(22)),
    salt: range(0x00, 0x0d),
    info: range(0xf0, 0xfa),
    length: 42,
    derived: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
  },
  {
    name: "A.2",
    material: range(0x00, 0x50),
    salt: range(0x60, 0xb0),
    info: range(0xb0, 0x100),
    length: 82,
    derived:
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c" +
      "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71" +
      "cc30c58179ec3e87c14c01d5c1f3434f1d87",
  },
  {
    name: "A.3",
    material: hex("0b".repeat(22)),
    salt: new Uint8Array(),
    info: new Uint8Array(),
    length: 42,
    derived: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  },
];

it.each(cases)("derives RFC 5869 $name", async ({ material, salt, info, length, derived }) => {
  expect(toHex(await hkdfSha256(material, salt, info, length))).toBe(derived);
});
