/** Access tokens as an attacker would want them, and as only somebody with the realm's key can. */
import { decodeJwt } from "jose";
import { settingsOf } from "../../src/env.ts";
import { open } from "../../src/platform/crypto/envelope.ts";
import { importPrivate } from "../../src/platform/crypto/signing-keys.ts";
import { bindings, databaseOfTenant } from "./worker.ts";

/** A realm's key, stolen from its database. */
export interface RealmKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: { readonly x: string; readonly kid: string };
}

/** The newest signing key of a tenant, or of the platform (null). */
export async function stealKey(slug: string | null): Promise<RealmKey> {
  const database = slug === null ? bindings.CONTROL_DB : await databaseOfTenant(slug);
  const row = await database
    .prepare(
      `SELECT kid, public_jwk, private_sealed, (SELECT id FROM realm) AS realm
        FROM signing_keys ORDER BY generation DESC LIMIT 1`,
    )
    .first<{ kid: string; public_jwk: string; private_sealed: string; realm: string }>();
  if (!row) throw new Error(`${slug ?? "The platform"} has no signing key.`);
  const context = { realm: row.realm, purpose: "signing-key", row: row.kid };
  const json = await open(settingsOf(bindings).MASTER_KEY, context, row.private_sealed);
  return {
    kid: row.kid,
    privateKey: await importPrivate(json),
    publicJwk: JSON.parse(row.public_jwk),
  };
}

export interface Forgery {
  readonly header?: Readonly<Record<string, unknown>>;
  /** Changes of the claims; undefined removes one. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Signs instead of the realm's own key. */
  readonly key?: CryptoKey | Uint8Array;
}

/** A token like `model`, changed, and signed with the realm's own key unless another is given. */
export async function forge(model: string, own: RealmKey, forgery: Forgery = {}): Promise<string> {
  const header = { alg: "EdDSA", typ: "at+jwt", kid: own.kid, ...forgery.header };
  const signed = `${part(header)}.${part({ ...decodeJwt(model), ...forgery.claims })}`;
  return `${signed}.${await sign(forgery.key ?? own.privateKey, new TextEncoder().encode(signed))}`;
}

/** By hand, because libraries refuse to sign the worst of headers. */
async function sign(key: CryptoKey | Uint8Array, bytes: Uint8Array): Promise<string> {
  const hash = "SHA-256";
  const usable =
    key instanceof Uint8Array
      ? await crypto.subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"])
      : key;
  const { name } = usable.algorithm;
  const signature = await crypto.subtle.sign(
    name === "ECDSA" ? { name, hash } : name,
    usable,
    bytes,
  );
  return Buffer.from(signature).toString("base64url");
}

/** One part of a token, from its JSON. */
export function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
