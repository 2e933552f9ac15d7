/** HKDF with SHA-256 (RFC 5869). */

/**
 * `length` bytes (at most 8,160) derived from `material`. The material must already be strong: this
 * is no password hash.
 */
export async function hkdfSha256(
  material: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey("raw", material, "HKDF", false, ["deriveBits"]);
  const bits = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt, info },
    key,
    length * 8,
  );
  return new Uint8Array(bits);
}
