/** Randomness for secrets: the platform's cryptographic generator and nothing else. */
import { toBase64Url } from "./encoding.ts";

/** `n` random bytes (0 to 65,536, the limit of Web Crypto; beyond it a QuotaExceededError). */
export function randomBytes(n: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(n));
}

/** A bearer secret: 256 random bits in base64url, 43 letters. Store only its digest. */
export function randomToken(): string {
  return toBase64Url(randomBytes(32));
}
