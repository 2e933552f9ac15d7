/**
 * Secrets at rest: AES-256-GCM under a key derived per realm and purpose. What was sealed for one
 * tenant, purpose and row opens nowhere else, so a row copied into another place is worthless.
 */
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from "./encoding.ts";
import type { MasterKey } from "./master-key.ts";
import { randomBytes } from "./random.ts";

export interface SealContext {
  /** A tenant's id, or "platform". */
  realm: string;
  /** What kind of secret it is, such as "service-secret". */
  purpose: string;
  /** The row that holds it. */
  row: string;
}

export type EnvelopeFault =
  /** Not a text that seal() makes. */
  | "malformed"
  /** Sealed under a master key that the setting does not list. */
  | "unknown-key"
  /** Changed, or sealed for another context. */
  | "refused";

/** A sealed text did not open. Carries neither the text nor the context. */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError";
  readonly fault: EnvelopeFault;

  constructor(fault: EnvelopeFault) {
    super(`envelope ${fault}`);
    this.fault = fault;
  }
}

const VERSION = "v1";
// NIST SP 800-38D, section 8.2.2: random nonces of 96 bits serve 2^32 messages a key; a key here
// serves one purpose of one tenant.
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals `plaintext` for `context` under the current master key:
 * `v1.<kid>.<nonce>.<ciphertext and tag>`, both in base64url. Twice the same gives two texts.
 */
export async function seal(
  master: MasterKey,
  context: SealContext,
  plaintext: string,
): Promise<string> {
  const kid = master.currentKid;
  const key = await master.derive(kid, keyInfo(context), "aes-gcm");
  const nonce = randomBytes(NONCE_BYTES);
  const sealed = await crypto.subtle.encrypt(algorithm(nonce, kid, context), key, utf8(plaintext));
  return [VERSION, kid, toBase64Url(nonce), toBase64Url(new Uint8Array(sealed))].join(".");
}

/** Opens what seal() made for the same context. Rejects with EnvelopeError and nothing else. */
export async function open(
  master: MasterKey,
  context: SealContext,
  sealed: string,
): Promise<string> {
  const [version, kid, nonceText, bodyText, ...rest] = sealed.split(".");
  if (version !== VERSION || !kid || !nonceText || !bodyText || rest.length > 0) {
    throw new EnvelopeError("malformed");
  }
  const nonce = fromBase64Url(nonceText);
  const body = fromBase64Url(bodyText);
  if (nonce?.byteLength !== NONCE_BYTES || body === null || body.byteLength < TAG_BYTES) {
    throw new EnvelopeError("malformed");
  }
  // "current" is a wish of callers, not an id: in stored data it would follow every rotation.
  if (!master.kids.includes(kid)) throw new EnvelopeError("unknown-key");
  try {
    const key = await master.derive(kid, keyInfo(context), "aes-gcm");
    const plain = await crypto.subtle.decrypt(algorithm(nonce, kid, context), key, body);
    return fromUtf8(new Uint8Array(plain));
  } catch {
    throw new EnvelopeError("refused");
  }
}

/** The master key's id that `sealed` names, to find what a rotation still has to seal anew. */
export function sealedUnder(sealed: string): string | null {
  const [version, kid] = sealed.split(".");
  return version === VERSION && kid ? kid : null;
}

// JSON arrays, because joined strings are ambiguous: "a" + "bc" is "ab" + "c".
function keyInfo(context: SealContext): string {
  return JSON.stringify(["envelope", context.realm, context.purpose]);
}

function algorithm(nonce: Uint8Array, kid: string, context: SealContext) {
  const bound = [VERSION, kid, context.realm, context.purpose, context.row];
  return {
    name: "AES-GCM",
    iv: nonce,
    additionalData: utf8(JSON.stringify(bound)),
    tagLength: TAG_BYTES * 8,
  };
}
