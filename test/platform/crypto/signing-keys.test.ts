import { calculateJwkThumbprint, jwtVerify, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { fromBase64Url, toBase64Url, utf8 } from "../../../src/platform/crypto/encoding.ts";
import {
  importPrivate,
  importPublic,
  newSigningKey,
} from "../../../src/platform/crypto/signing-keys.ts";

// RFC 8037, appendix A: the key of A.1 and A.2, its thumbprint in A.3, the signature in A.4.
const RFC_KEY = {
  kty: "OKP",
  crv: "Ed25519",
  d: "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
  x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
};
const RFC_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
const RFC_SIGNING_INPUT = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
const RFC_SIGNATURE =
  "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

describe("RFC 8037", () => {
  it("names its key by its thumbprint", async () => {
    expect(await calculateJwkThumbprint(RFC_KEY)).toBe(RFC_THUMBPRINT);
  });

  it("signs and verifies its example", async () => {
    const key = await importPrivate(JSON.stringify(RFC_KEY));
    const signature = await crypto.subtle.sign("Ed25519", key, utf8(RFC_SIGNING_INPUT));
    expect(toBase64Url(new Uint8Array(signature))).toBe(RFC_SIGNATURE);
    const { d: _, ...publicPart } = RFC_KEY;
    const verifier = await importPublic(publicPart);
    const bytes = fromBase64Url(RFC_SIGNATURE) as Uint8Array;
    const check = (text: string) => crypto.subtle.verify("Ed25519", verifier, bytes, utf8(text));
    expect(await check(RFC_SIGNING_INPUT)).toBe(true);
    expect(await check(`${RFC_SIGNING_INPUT}x`)).toBe(false);
  });
});

describe("newSigningKey", () => {
  it("makes a key pair that signs tokens", async () => {
    const { publicJwk, privateJwk } = await newSigningKey();
    const token = await new SignJWT({ sub: "user_1" })
      .setProtectedHeader({ alg: "EdDSA" })
      .sign(await importPrivate(privateJwk));
    const { payload } = await jwtVerify(token, await importPublic(publicJwk));
    expect(payload.sub).toBe("user_1");
    const other = await importPublic((await newSigningKey()).publicJwk);
    await expect(jwtVerify(token, other)).rejects.toThrow("signature verification failed");
  });

  it("publishes all that a verifier needs and nothing private", async () => {
    const { kid, publicJwk, privateJwk } = await newSigningKey();
    const { x } = publicJwk;
    expect(publicJwk).toEqual({ kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" });
    expect(await calculateJwkThumbprint(publicJwk)).toBe(kid);
    expect(fromBase64Url(x)?.byteLength).toBe(32);
    expect(fromBase64Url(JSON.parse(privateJwk).d)?.byteLength).toBe(32);
  });

  it("never makes the same key twice", async () => {
    expect((await newSigningKey()).kid).not.toBe((await newSigningKey()).kid);
  });
});

describe("imported keys", () => {
  it("cannot be read out, and do one thing", async () => {
    const { publicJwk, privateJwk } = await newSigningKey();
    const signer = await importPrivate(privateJwk);
    expect([signer.type, signer.extractable, signer.usages]).toEqual(["private", false, ["sign"]]);
    // A private key handed over by mistake still gives a key that can only verify.
    const verifier = await importPublic(JSON.parse(privateJwk));
    expect([verifier.type, verifier.usages]).toEqual(["public", ["verify"]]);
    expect((await importPublic(publicJwk)).type).toBe("public");
  });

  it.each([
    ["an RSA key", { kty: "RSA", n: "AQAB", e: "AQAB" }],
    ["a symmetric key", { kty: "oct", k: "c2VjcmV0" }],
    ["another curve", { kty: "OKP", crv: "X25519", x: RFC_KEY.x }],
    ["nothing", {}],
  ])("are never %s", async (_, jwk) => {
    await expect(importPublic(jwk)).rejects.toThrow(TypeError);
  });

  it.each([
    ["no JSON", "{"],
    ["a public key", JSON.stringify({ ...RFC_KEY, d: undefined })],
  ])("that sign are never %s", async (_, json) => {
    await expect(importPrivate(json)).rejects.toThrow();
  });

  it("have the right length", async () => {
    await expect(importPublic({ ...RFC_KEY, x: "AQAB" })).rejects.toThrow();
  });
});
