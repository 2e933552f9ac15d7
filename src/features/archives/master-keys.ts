import { toHex, utf8 } from "../../platform/crypto/encoding.ts";
import type { MasterKey } from "../../platform/crypto/master-key.ts";
import type { FieldError } from "../../platform/problems.ts";

/** Bytes kept of a proof: 128 bits. */
const BYTES = 16;

/** Ids of all master keys, each with a proof of which key it is that tells nothing of it. */
export async function proveKeys(
  master: MasterKey,
  tenantId: string,
): Promise<Record<string, string>> {
  const proofs = master.kids.map(async (kid) => [kid, await proofOf(master, kid, tenantId)]);
  return Object.fromEntries(await Promise.all(proofs));
}

/** What is wrong with the keys of an archive: sealed values could not be opened here. */
export async function wrongKeys(
  master: MasterKey,
  tenantId: string,
  proofs: Readonly<Record<string, string>>,
): Promise<FieldError[]> {
  const own = await proveKeys(master, tenantId);
  return Object.entries(proofs).flatMap(([kid, proof]) => {
    if (own[kid] === proof) return [];
    const message = Object.hasOwn(own, kid)
      ? "is another key here"
      : "is no key of the setting MASTER_KEY";
    return [{ pointer: `/archive/keys/${kid}`, message }];
  });
}

async function proofOf(master: MasterKey, kid: string, tenantId: string): Promise<string> {
  const key = await master.derive(kid, JSON.stringify(["archive", tenantId]), "hmac-sha256");
  const proof = await crypto.subtle.sign("HMAC", key, utf8(kid));
  return toHex(new Uint8Array(proof, 0, BYTES));
}
