import { toHex, utf8 } from "./encoding.ts";
import type { MasterKey } from "./master-key.ts";

/** Bytes kept of the HMAC: 128 bits, enough to tell callers apart. */
const BYTES = 16;

/**
 * A keyed hash that stands for personal data, such as an address, where only equality counts.
 * Unlike a plain hash it cannot be reversed by trying all addresses.
 */
export async function fingerprint(
  master: MasterKey,
  context: { readonly realm: string; readonly purpose: string },
  text: string,
): Promise<string> {
  const info = JSON.stringify(["fingerprint", context.realm, context.purpose]);
  const key = await master.derive("current", info, "hmac-sha256");
  return toHex(new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(text)), 0, BYTES));
}
