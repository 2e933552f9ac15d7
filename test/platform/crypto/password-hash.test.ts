import { Buffer } from "node:buffer";
import { scryptSync } from "node:crypto";
import { hashSync } from "bcryptjs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toBase64NoPad, utf8 } from "../../../src/platform/crypto/encoding.ts";
import {
  hashCount,
  hashPassword,
  OWASP_SCRYPT,
  verifyAgainstNobody,
  verifyPassword,
} from "../../../src/platform/crypto/password-hash.ts";
import { holds } from "../../support/property.ts";

const CHEAP = { ln: 4, r: 1, p: 1 };

async function cost(work: () => Promise<unknown>): Promise<number> {
  const before = hashCount();
  await work();
  return hashCount() - before;
}

// RFC 7914, section 12, as stored texts. The fourth vector (N=2^20, r=8) is beyond our bound.
const b64 = (hex: string) => toBase64NoPad(new Uint8Array(Buffer.from(hex, "hex")));
const vectors = [
  {
    password: "password",
    stored: `$scrypt$ln=10,r=8,p=16$${toBase64NoPad(utf8("NaCl"))}$${b64(
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162" +
        "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    )}`,
  },
  {
    password: "pleaseletmein",
    stored: `$scrypt$ln=14,r=8,p=1$${toBase64NoPad(utf8("SodiumChloride"))}$${b64(
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2" +
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    )}`,
  },
];

describe("scrypt", () => {
  it.each(vectors)("verifies RFC 7914's hash of $password", async ({ password, stored }) => {
    expect(await verifyPassword(stored, password)).toEqual({ ok: true, outdated: true });
    expect(await verifyPassword(stored, `${password}!`)).toEqual({ ok: false, outdated: true });
  });

  it("hashes with OWASP's parameters by default", async () => {
    expect(OWASP_SCRYPT).toEqual({ ln: 14, r: 8, p: 5 });
    const stored = await hashPassword("correct-horse-battery");
    expect(stored).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await verifyPassword(stored, "correct-horse-battery")).toEqual({
      ok: true,
      outdated: false,
    });
  });

  it("knows each password again and no other one", async () => {
    const word = fc.string({ unit: "grapheme", maxLength: 20 });
    await holds("scrypt verifies", [word, word], async (mine, other) => {
      const stored = await hashPassword(mine, CHEAP);
      expect(await verifyPassword(stored, mine, CHEAP)).toEqual({ ok: true, outdated: false });
      const same = mine.normalize("NFKC") === other.normalize("NFKC");
      expect((await verifyPassword(stored, other, CHEAP)).ok).toBe(same);
    });
  });

  it("salts, so that equal passwords have unequal hashes", async () => {
    expect(await hashPassword("same", CHEAP)).not.toBe(await hashPassword("same", CHEAP));
  });

  it("takes a password in whatever Unicode form the keyboard sent it", async () => {
    const stored = await hashPassword("Zo\u00eb \ufb01rst", CHEAP);
    expect((await verifyPassword(stored, "Zoe\u0308 first", CHEAP)).ok).toBe(true);
    expect((await verifyPassword(stored, "Zoe first", CHEAP)).ok).toBe(false);
  });

  it.each([
    ["ln", { ln: 5, r: 1, p: 1 }],
    ["r", { ln: 4, r: 2, p: 1 }],
    ["p", { ln: 4, r: 1, p: 2 }],
  ])("calls a hash with another %s outdated", async (_, other) => {
    const stored = await hashPassword("p", CHEAP);
    expect(await verifyPassword(stored, "p", other)).toEqual({ ok: true, outdated: true });
  });

  it.each([
    ["a shorter salt outdated", 8, 32, { ok: true, outdated: true }],
    ["a shorter key outdated", 16, 24, { ok: true, outdated: true }],
    ["a key under 128 bits no hash", 16, 15, { ok: false, outdated: true }],
  ])("calls %s", async (_, saltBytes, keyBytes, verdict) => {
    const salt = new Uint8Array(saltBytes);
    const key = scryptSync("p", salt, keyBytes, { N: 16, r: 1, p: 1 });
    const stored = `$scrypt$ln=4,r=1,p=1$${toBase64NoPad(salt)}$${toBase64NoPad(key)}`;
    expect(await verifyPassword(stored, "p", CHEAP)).toEqual(verdict);
  });

  it("verifies the dearest parameters it accepts", async () => {
    const stored = await hashPassword("p", { ln: 17, r: 8, p: 1 });
    expect(await verifyPassword(stored, "p")).toEqual({ ok: true, outdated: true });
  });
});

describe("bcrypt", () => {
  // Made by another program than ours: OpenBSD's $2a$ vector of John the Ripper's set.
  const JOHNS = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

  it.each(["$2a$", "$2b$", "$2y$"])("verifies %s and calls it outdated", async (prefix) => {
    const stored = prefix + JOHNS.slice(4);
    expect(await verifyPassword(stored, "U*U")).toEqual({ ok: true, outdated: true });
    expect(await verifyPassword(stored, "U*V")).toEqual({ ok: false, outdated: true });
  });

  it("reads 72 bytes of the password, as bcrypt does", async () => {
    const stored = hashSync("é".repeat(36), 4);
    expect((await verifyPassword(stored, `${"é".repeat(36)}tail`)).ok).toBe(true);
    expect((await verifyPassword(stored, `${"é".repeat(35)}e`)).ok).toBe(false);
  });

  it("refuses a cost that would take minutes, and computes one of ours", async () => {
    const dear = JOHNS.replace("$05$", "$31$");
    expect(await cost(() => verifyPassword(dear, "U*U", CHEAP))).toBe(1);
    expect((await verifyPassword(dear, "U*U")).ok).toBe(false);
  });
});

describe("texts that are no hash", () => {
  const tail = `${"A".repeat(22)}$${"A".repeat(43)}`;
  it.each([
    ["nothing", ""],
    ["a password", "correct-horse-battery"],
    ["another scheme", `$argon2id$v=19$m=65536,t=3,p=4$${tail}`],
    ["a missing part", `$scrypt$ln=4,r=1,p=1$${"A".repeat(22)}`],
    ["too many parts", `$scrypt$ln=4,r=1,p=1$${tail}$A`],
    ["no base64", `$scrypt$ln=4,r=1,p=1$${"*".repeat(22)}$${"A".repeat(43)}`],
    ["padding", `$scrypt$ln=4,r=1,p=1$${tail}=`],
    ["zero rounds", `$scrypt$ln=0,r=1,p=1$${tail}`],
    ["zero blocks", `$scrypt$ln=4,r=0,p=1$${tail}`],
    ["zero lanes", `$scrypt$ln=4,r=1,p=0$${tail}`],
    ["too much memory", `$scrypt$ln=18,r=8,p=1$${tail}`],
    ["too much time", `$scrypt$ln=14,r=8,p=9$${tail}`],
    ["an enormous cost", `$scrypt$ln=99,r=9999999,p=9999999$${tail}`],
    ["short bcrypt", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe"],
    ["unknown bcrypt", "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
    ["a line after it", `$scrypt$ln=4,r=1,p=1$${tail}\n`],
  ])("%s: not ok, not thrown, at the cost of one hash as for nobody", async (_, stored) => {
    expect(await cost(() => verifyPassword(stored, "p", CHEAP))).toBe(1);
    expect(await verifyPassword(stored, "p", CHEAP)).toEqual({ ok: false, outdated: true });
  });

  it("any text at all", async () => {
    await holds("verifyPassword never throws", [fc.string({ unit: "binary" })], async (stored) => {
      expect((await verifyPassword(stored, "p", CHEAP)).ok).toBe(false);
    });
  });
});

describe("what an answer costs", () => {
  it("is one hash, whether or not there is an account and whether or not it matches", async () => {
    const stored = await hashPassword("mine", CHEAP);
    expect(await cost(() => hashPassword("mine", CHEAP))).toBe(1);
    expect(await cost(() => verifyPassword(stored, "mine", CHEAP))).toBe(1);
    expect(await cost(() => verifyPassword(stored, "other", CHEAP))).toBe(1);
    expect(await cost(() => verifyPassword(hashSync("mine", 4), "mine", CHEAP))).toBe(1);
    expect(await cost(() => verifyAgainstNobody("mine", CHEAP))).toBe(1);
  });

  it("nobody has no password", async () => {
    expect((await verifyAgainstNobody("", CHEAP)).ok).toBe(false);
  });

  it("refuses to hash with parameters that it would not verify", async () => {
    await expect(hashPassword("p", { ln: 20, r: 8, p: 1 })).rejects.toThrow(RangeError);
  });
});
