import fc from "fast-check";
import { expect, it } from "vitest";
import { readText, signText } from "../../../src/platform/crypto/authenticated.ts";
import { fromBase64Url, toBase64Url } from "../../../src/platform/crypto/encoding.ts";
import { parseMasterKey } from "../../../src/platform/crypto/master-key.ts";
import { holds } from "../../support/property.ts";

const key = (fill: number) => toBase64Url(new Uint8Array(32).fill(fill));
const master = parseMasterKey(`k2:${key(2)},k1:${key(1)}`);
const context = { realm: "tenant_1", purpose: "GET /users" };
const word = () => fc.string({ unit: "binary" });

it("gives every text back in its own context", async () => {
  await holds("signText round trip", [word(), word(), word()], async (realm, purpose, text) => {
    const where = { realm, purpose };
    expect(await readText(master, where, await signText(master, where, text))).toBe(text);
  });
});

it("reads nothing in another context, however the names are cut", async () => {
  const short = fc.string({ unit: fc.constantFrom("a", "b", '"', ","), maxLength: 2 });
  const where = fc.record({ realm: short, purpose: short });
  await holds("signText context", [where, where], async (mine, other) => {
    fc.pre(JSON.stringify(mine) !== JSON.stringify(other));
    expect(await readText(master, other, await signText(master, mine, "next"))).toBeNull();
  });
});

it("reads nothing that was changed", async () => {
  const letters = fc.constantFrom(..."ABwZaz019-_.=");
  await holds("signText forgery", [word(), fc.nat(), letters], async (text, position, letter) => {
    const signed = await signText(master, context, text);
    const at = position % signed.length;
    const forged = signed.slice(0, at) + letter + signed.slice(at + 1);
    fc.pre(forged !== signed);
    expect(await readText(master, context, forged)).toBeNull();
  });
});

it("reads nothing that clients make up", async () => {
  await holds("readText refuses", [word()], async (text) => {
    expect(await readText(master, context, text)).toBeNull();
  });
  const [body, mac] = (await signText(master, context, "next")).split(".");
  for (const text of [
    "",
    ".",
    `${body}`,
    `${body}.`,
    `.${mac}`,
    `${body}.${mac}.`,
    `${body}.${mac} `,
  ]) {
    expect(await readText(master, context, text)).toBeNull();
  }
  expect(await readText(master, context, `${body}.${mac?.slice(0, 4)}`)).toBeNull();
});

it("carries 128 bits of authentication", async () => {
  const [, mac] = (await signText(master, context, "next")).split(".");
  expect(fromBase64Url(mac ?? "")?.byteLength).toBe(16);
});

it("outlives a rotation of the master key, until the old key is dropped", async () => {
  const signed = await signText(parseMasterKey(`k1:${key(1)}`), context, "next");
  expect(await readText(master, context, signed)).toBe("next");
  expect(await readText(parseMasterKey(`k2:${key(2)}`), context, signed)).toBeNull();
});
