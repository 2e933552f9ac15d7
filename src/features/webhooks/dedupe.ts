import { sha256Hex } from "../../platform/crypto/digest.ts";
import type { EventIdentity } from "../../platform/signatures/index.ts";

/**
 * What two deliveries must share to be one event: what was signed of the body, and the id where the
 * signature covers it. An id outside the signature is anybody's to change, so it tells nothing apart; and the same id
 * with another body is another event. No window in time: a late repeat is a repeat.
 */
export async function dedupeKeyOf(
  { id, idSigned }: EventIdentity,
  content: Uint8Array | string,
): Promise<string> {
  const digest = await sha256Hex(content);
  return id !== null && idSigned ? sha256Hex(JSON.stringify([id, digest])) : digest;
}
