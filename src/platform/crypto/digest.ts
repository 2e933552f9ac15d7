/** SHA-256 and the comparison that tells an attacker nothing through time. */
import { timingSafeEqual } from "node:crypto";
import { toHex, utf8 } from "./encoding.ts";

type Compare = (a: Uint8Array, b: Uint8Array) => boolean;

// workerd has it on SubtleCrypto, Node has not; scripts run these files under Node.
const subtle = crypto.subtle as SubtleCrypto & { timingSafeEqual?: Compare };
const compare: Compare =
  typeof subtle.timingSafeEqual === "function"
    ? (a, b) => (subtle.timingSafeEqual as Compare)(a, b)
    : timingSafeEqual;

/** SHA-256 (FIPS 180-4) of bytes, or of a text's UTF-8 bytes. 32 bytes. */
export async function sha256(data: Uint8Array | string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = typeof data === "string" ? utf8(data) : data;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** SHA-256 as 64 lower-case hexadecimal digits. */
export async function sha256Hex(data: Uint8Array | string): Promise<string> {
  return toHex(await sha256(data));
}

/**
 * Whether two byte strings are equal, in a time that depends on their lengths only. Unequal lengths
 * are simply unequal; both platforms' own functions throw on them.
 */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  return compare(a, b);
}
