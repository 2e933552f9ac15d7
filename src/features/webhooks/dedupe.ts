import { sha256Hex } from "../../platform/crypto/digest.ts";
import type { EventIdentity } from "../../platform/signatures/index.ts";

/**
 * What two deliveries must share to be one event: what was signed of the body, and the id where it
 * stands in a header that the signature covers. An id in the body is in the digest already, however
 * the body is read; one that nobody signed is anybody's to change, so it tells nothing apart. The
 * same id with another body is another event. No window in time: a late repeat is a repeat.
 */
export async function dedupeKeyOf(
  { id, idBesideBody }: Pick<EventIdentity, "id" | "idBesideBody">,
  content: Uint8Array | string,
): Promise<string> {
  const digest = await sha256Hex(content);
  return id !== null && idBesideBody ? sha256Hex(JSON.stringify([id, digest])) : digest;
}
