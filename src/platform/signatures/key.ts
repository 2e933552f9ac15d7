/** Secrets as keys, and what they make of a message. */
import { fromBase64, fromBase64NoPad, utf8 } from "../crypto/encoding.ts";
import type { Scheme } from "./scheme.ts";

const BASE64_PREFIX = "whsec_";

const READERS: Readonly<Record<Scheme["key"], (secret: string) => Uint8Array<ArrayBuffer> | null>> =
  {
    text: utf8,
    base64: (secret) => {
      const text = secret.startsWith(BASE64_PREFIX) ? secret.slice(BASE64_PREFIX.length) : secret;
      return fromBase64(text) ?? fromBase64NoPad(text);
    },
  };

/** The key that `secret` stands for; null when it stands for none, or for an empty one. */
export function keyBytes(scheme: Scheme, secret: string): Uint8Array<ArrayBuffer> | null {
  const bytes = READERS[scheme.key](secret);
  return bytes === null || bytes.byteLength === 0 ? null : bytes;
}

/** The HMAC (RFC 2104) of `content`; null when `secret` is no key of the scheme. */
export async function hmac(
  scheme: Scheme,
  secret: string,
  content: Uint8Array,
): Promise<Uint8Array | null> {
  const bytes = keyBytes(scheme, secret);
  if (bytes === null) return null;
  const algorithm = { name: "HMAC", hash: scheme.hash };
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
}
