/**
 * Keys that sign a tenant's tokens: Ed25519 as JSON Web Keys (RFC 8037), named by their thumbprint
 * (RFC 7638), so that equal keys have equal names wherever they are made.
 */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";

export type PublicJwk = {
  kty: "OKP";
  crv: "Ed25519";
  x: string;
  kid: string;
  alg: "EdDSA";
  use: "sig";
};

export interface SigningKey {
  kid: string;
  /** What /.well-known/jwks.json shows. */
  publicJwk: PublicJwk;
  /** The private key as JSON. Seal it before it is stored. */
  privateJwk: string;
}

const ALG = "EdDSA";

/** Makes a key pair. */
export async function newSigningKey(): Promise<SigningKey> {
  const pair = await generateKeyPair(ALG, { crv: "Ed25519", extractable: true });
  const { x } = await exportJWK(pair.publicKey);
  if (x === undefined) throw new Error("an Ed25519 key without x");
  const kid = await calculateJwkThumbprint({ kty: "OKP", crv: "Ed25519", x });
  const publicJwk: PublicJwk = { kty: "OKP", crv: "Ed25519", x, kid, alg: ALG, use: "sig" };
  const { d } = await exportJWK(pair.privateKey);
  return { kid, publicJwk, privateJwk: JSON.stringify({ ...publicJwk, d }) };
}

/** The key that verifies. Throws a TypeError for anything but an Ed25519 key. */
export async function importPublic(jwk: object): Promise<CryptoKey> {
  const { kty, crv, x } = jwk as JWK;
  return importEd25519({ kty, crv, x } as JWK);
}

/** The key that signs, from newSigningKey()'s privateJwk. Throws when it is not an Ed25519 key. */
export async function importPrivate(json: string): Promise<CryptoKey> {
  const { kty, crv, x, d } = JSON.parse(json) as JWK;
  if (typeof d !== "string") throw new TypeError("not a private Ed25519 key");
  return importEd25519({ kty, crv, x, d } as JWK);
}

/** Only what the key is made of is read: its own word on algorithm and use decides nothing. */
async function importEd25519(jwk: JWK): Promise<CryptoKey> {
  if (jwk.kty !== "OKP" || jwk.crv !== "Ed25519") throw new TypeError("not an Ed25519 key");
  const key = await importJWK(jwk, ALG, { extractable: false });
  if (!(key instanceof CryptoKey)) throw new TypeError("not an Ed25519 key");
  return key;
}
