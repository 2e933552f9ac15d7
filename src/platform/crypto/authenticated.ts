/**
 * Texts that clients carry for us and must not change: cursors, bookmarks. Readable by the client,
 * so nothing secret belongs in them.
 */
import { constantTimeEqual } from "./digest.ts";
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "./encoding.ts";
import type { MasterKey } from "./master-key.ts";

export interface SignContext {
  /** A tenant's id, or "platform". */
  realm: string;
  /** What the text is for, such as a route and its filters. */
  purpose: string;
}

// RFC 2104, section 5: at least half of the hash and 80 bits; 128 keep cursors short.
const MAC_BYTES = 16;

/** `<base64url text>.<base64url mac>`: HMAC-SHA-256 under a key of this realm and purpose. */
export async function signText(
  master: MasterKey,
  context: SignContext,
  text: string,
): Promise<string> {
  const bytes = utf8(text);
  return `${toBase64Url(bytes)}.${toBase64Url(await mac(master, "current", context, bytes))}`;
}

/**
 * The text in what signText() made for the same context, under any listed master key; null for
 * everything else, other spellings of the same bytes included.
 */
export async function readText(
  master: MasterKey,
  context: SignContext,
  signed: string,
): Promise<string | null> {
  const [body, tag, ...rest] = signed.split(".");
  if (body === undefined || tag === undefined || rest.length > 0) return null;
  const bytes = fromBase64Url(body);
  const given = fromBase64Url(tag);
  if (bytes === null || given?.byteLength !== MAC_BYTES) return null;
  // The text names no key, so that cursors stay short: the few that are listed are tried.
  for (const kid of master.kids) {
    if (constantTimeEqual(await mac(master, kid, context, bytes), given)) return fromUtf8(bytes);
  }
  return null;
}

async function mac(
  master: MasterKey,
  kid: string,
  context: SignContext,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const info = JSON.stringify(["authenticated", context.realm, context.purpose]);
  const key = await master.derive(kid, info, "hmac-sha256");
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes), 0, MAC_BYTES);
}
