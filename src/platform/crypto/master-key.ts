/**
 * The Worker's root secret and the keys made from it. A tenant's keys are derived, never stored, so
 * there is one secret to keep and one to rotate.
 */

import { createLru } from "../lru.ts";
import { fromBase64Url, utf8 } from "./encoding.ts";
import { hkdfSha256 } from "./hkdf.ts";

export type KeyUse = "aes-gcm" | "hmac-sha256";

export interface MasterKey {
  /** The id of the key that new data is protected with. */
  readonly currentKid: string;
  /** Every id that still opens something, the current one first. */
  readonly kids: readonly string[];
  /**
   * The 256-bit key for one purpose, not extractable. `info` names the purpose and its realm; the
   * same text for another use gives an unrelated key. Rejects with UnknownKeyId.
   */
  derive(kid: string, info: string, use: KeyUse): Promise<CryptoKey>;
}

/** Data names a master key that the setting no longer (or not yet) lists. */
export class UnknownKeyId extends Error {
  override readonly name = "UnknownKeyId";
}

const KEY_BYTES = 32;
const KEPT_KEYS = 1_000;
// Shorter than a key in base64url (43 letters), so that a key in the wrong place is never an id.
const KID = /^[A-Za-z0-9_-]{1,32}$/;
// RFC 5869, section 3.1: a salt may be public and fixed. It keeps us apart from other programs.
const SALT = utf8("rowhouse/master-key/v1");

/**
 * Reads `"<kid>:<base64url of 32 bytes>"`, several separated by commas. The first is the current
 * one, the others only open what they once sealed. Throws an Error that names the entry by its
 * position and never repeats any of the setting, for it ends up in logs.
 */
export function parseMasterKey(setting: string): MasterKey {
  const materials = new Map<string, Uint8Array>();
  setting.split(",").forEach((entry, index) => {
    const fail = (why: string) => new Error(`MASTER_KEY, entry ${index + 1}: ${why}`);
    const [kid, encoded, ...rest] = entry.trim().split(":");
    if (kid === undefined || encoded === undefined || rest.length > 0) {
      throw fail("expected <kid>:<base64url of 32 bytes>");
    }
    if (!KID.test(kid)) throw fail("the key id must be 1 to 32 of A-Z a-z 0-9 _ -");
    if (kid === "current") throw fail('"current" is a reserved key id');
    if (materials.has(kid)) throw fail("the key id is used twice");
    const material = fromBase64Url(encoded);
    if (material === null) throw fail("the key is not unpadded base64url");
    if (material.byteLength !== KEY_BYTES) {
      throw fail(`the key has ${material.byteLength} bytes instead of ${KEY_BYTES}`);
    }
    materials.set(kid, material);
  });
  return masterKey(materials);
}

// The material lives in a closure: neither JSON.stringify nor a logger can reach it.
function masterKey(materials: ReadonlyMap<string, Uint8Array>): MasterKey {
  const kids = [...materials.keys()];
  const currentKid = kids[0] as string;
  // Keys are kept, not promises of keys: a promise belongs to the request that made it, and when
  // that one is cancelled every other request that awaits it hangs. Two may derive the same key.
  const kept = createLru<CryptoKey>(KEPT_KEYS);
  return {
    currentKid,
    kids,
    async derive(wanted, info, use) {
      const kid = wanted === "current" ? currentKid : wanted;
      const material = materials.get(kid);
      if (material === undefined) throw new UnknownKeyId("no master key has this id");
      const name = `${kid}:${use}:${info}`;
      const known = kept.get(name);
      if (known !== undefined) return known;
      const bytes = await hkdfSha256(material, SALT, utf8(`${use}:${info}`), KEY_BYTES);
      const key = await importFor(use, bytes);
      kept.set(name, key);
      return key;
    },
  };
}

function importFor(use: KeyUse, bytes: Uint8Array): Promise<CryptoKey> {
  return use === "aes-gcm"
    ? crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"])
    : crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [
        "sign",
        "verify",
      ]);
}
