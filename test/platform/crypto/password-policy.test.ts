import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMON_PASSWORDS, COMMON_WORDS } from "../../../src/platform/crypto/common-passwords.ts";
import { repeatedUnit } from "../../../src/platform/crypto/password-patterns.ts";
import { checkPassword } from "../../../src/platform/crypto/password-policy.ts";
import { holds } from "../../support/property.ts";

const EMAIL = "john.smith+news@acme.test";
const check = (password: string) => checkPassword(password, EMAIL);

describe("length", () => {
  it("is 12 to 256", () => {
    const long = Array.from({ length: 256 }, (_, i) => String.fromCodePoint(0x4e00 + i * 7)).join(
      "",
    );
    expect(check("k7-Vw_q2Zp!")).toBe("too-short");
    expect(check("k7-Vw_q2Zp!x")).toBeNull();
    expect(check(long)).toBeNull();
    expect(check(`${long}x`)).toBe("too-long");
  });

  it("counts characters, not the units that they are stored in", () => {
    expect(check("🐴🔋📎🚲🌵🎻🧲🪁🦑🥁🧅")).toBe("too-short");
    expect(check("🐴🔋📎🚲🌵🎻🧲🪁🦑🥁🧅🛶")).toBeNull();
  });

  it("counts what is hashed: letters and their accents composed", () => {
    expect(check("k7-Vw_q2Zpe\u0301")).toBe("too-short");
  });
});

describe("composition", () => {
  it.each([
    "correct-horse-battery",
    "pfingstrosen im wind",
    "tq vj wz kx pm lr",
    "8261940375-620184",
  ])("is free: %s", (password) => {
    expect(check(password)).toBeNull();
  });

  it("never refuses random text of enough length", async () => {
    const letter = fc
      .integer({ min: 0x4e00, max: 0x9fa5 })
      .map((code) => String.fromCodePoint(code));
    const random = fc.uniqueArray(letter, { minLength: 12, maxLength: 256 });
    await holds("random passwords pass", [random], (letters) => {
      expect(check(letters.join(""))).toBeNull();
    });
  });
});

describe("common passwords", () => {
  it.each([
    ["one letter", "aaaaaaaaaaaa"],
    ["the digits", "123456789012"],
    ["the digits, backwards", "0987654321098"],
    ["a word twice", "passwordpassword"],
    ["a word and a half", "monkeymonkeymon"],
    ["the alphabet", "abcdefghijklm"],
    ["a row of keys", "qwertyuiop[]"],
    ["two rows", "qwertyuiopasdfghjkl"],
    ["digit groups", "111222333444"],
    ["shifted digits", "!@#$%^&*()!@"],
    ["a word and a year", "password-2026"],
    ["a word and digits, written otherwise", "P@ssw0rd1234"],
    ["digits and a word", "2026!sunshine"],
    ["our name", "RowHouse2026!"],
    ["one of the list", "1qaz2wsx3edc"],
    ["one of the list in capitals", "UNBELIEVABLE"],
    ["one of the list in full-width letters", "ｕｎｂｅｌｉｅｖａｂｌｅ"],
    ["one of the list, twice", "unbelievableunbelievable"],
  ])("are refused: %s", (_, password) => {
    expect(check(password)).toBe("too-common");
  });

  it.each([
    ["a common word among others", "my monkey eats tulips"],
    ["a good password twice", "correct-horse-correct-horse-"],
    ["a common word with much around it", "monkey-7265308146"],
  ])("are not %s", (_, password) => {
    expect(check(password)).toBeNull();
  });

  it("are refused, every one of the list", () => {
    const passed = [...COMMON_PASSWORDS].filter((password) => check(password) !== "too-common");
    expect(passed).toEqual([]);
    expect(COMMON_PASSWORDS.size).toBeGreaterThan(200);
  });

  it("are listed in the form in which they are looked up", () => {
    for (const word of [...COMMON_PASSWORDS, ...COMMON_WORDS]) {
      expect(word).toBe(word.normalize("NFKC").toLowerCase());
    }
    expect(Math.min(...[...COMMON_PASSWORDS].map((word) => word.length))).toBe(12);
  });
});

describe("the e-mail", () => {
  it.each([
    ["whole", "john.smith+news@acme.test"],
    ["whole, in capitals", "JOHN.SMITH+NEWS@ACME.TEST"],
    ["whole, with more", "kx7 john.smith+news@acme.test vq 29 tulips"],
    ["its name", "john.smith+news"],
    ["its name without the tag", "John.Smith-83"],
    ["its name without the dot", "johnsmith4183"],
    ["its name with other dots", "john_smith_41"],
    ["its name twice", "john.smith!!john.smith"],
  ])("is refused: %s", (_, password) => {
    expect(check(password)).toBe("contains-email");
  });

  it("may lend its name to a longer password", () => {
    expect(check("john.smith rides to Lisbon")).toBeNull();
  });

  it.each(["joe@acme.test", "@acme.test", "", "joe"])("is no hindrance when short: %j", (email) => {
    expect(checkPassword("joe-rides-a-green-bike", email)).toBeNull();
    expect(checkPassword("correct-horse-battery", email)).toBeNull();
  });

  it("never passes itself", async () => {
    const name = fc.string({ unit: fc.constantFrom(..."abcxyz019._-"), minLength: 1 });
    await holds("e-mail refused", [name], (local) => {
      const email = `${local}@mail.example`;
      expect(checkPassword(email, email)).toBe("contains-email");
    });
  });
});

describe("repeatedUnit", () => {
  it("finds the unit of any repetition, cut short or not", async () => {
    const unit = fc.string({ unit: fc.constantFrom("a", "b", "🐴"), minLength: 1, maxLength: 6 });
    await holds("repeated unit", [unit, fc.nat(5)], (part, rest) => {
      const text = part.repeat(2) + [...part].slice(0, rest).join("");
      const found = repeatedUnit(text);
      expect(found.length).toBeLessThanOrEqual(part.length);
      expect(found.repeat(text.length).startsWith(text)).toBe(true);
    });
  });

  it("leaves other text alone", () => {
    expect(repeatedUnit("abcabd")).toBe("abcabd");
    expect(repeatedUnit("abcab")).toBe("abcab");
    expect(repeatedUnit("")).toBe("");
  });
});
