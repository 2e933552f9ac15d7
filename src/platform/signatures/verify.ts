/** Whether a request comes from someone who knows a secret, and is of our time. */
import { constantTimeEqual } from "../crypto/digest.ts";
import { readClaim } from "./claim.ts";
import { clockFault } from "./clock.ts";
import { type Signable, signedContents } from "./content.ts";
import type { SignatureFault } from "./faults.ts";
import { hmac } from "./key.ts";
import type { Scheme } from "./scheme.ts";
import { SCHEMES } from "./schemes.ts";
import type { SignatureSettings } from "./settings.ts";

export interface SignedRequest {
  /** The full URL as the caller reached it: origin, path and query. */
  readonly url: string;
  readonly headers: Headers;
  /** The exact bytes that were sent. */
  readonly body: Uint8Array;
}

/**
 * Null when `request` is genuine at `now` (in milliseconds), else the first thing that is wrong:
 * headers that cannot be read, then the signature, then the time, so that only those who can sign
 * learn of our clock. Every listed signature is compared with that of every secret, and an answer
 * takes as long whichever of them fits. Settings must have passed settingsFaults().
 */
export async function verify(
  settings: SignatureSettings,
  secrets: readonly string[],
  request: SignedRequest,
  now: number,
): Promise<SignatureFault | null> {
  const scheme = SCHEMES[settings.scheme];
  const claim = readClaim(scheme, settings, request.headers);
  if (typeof claim === "string") return claim;
  const signable = {
    id: claim.id,
    timestamp: claim.timestamp,
    url: request.url,
    notificationUrl: settings.notification_url,
    body: request.body,
  };
  if (!(await isSigned(scheme, secrets, claim.signatures, signable))) return "signature-mismatch";
  if (scheme.clock === undefined || claim.seconds === null) return null;
  const tolerance = settings.tolerance_seconds ?? scheme.clock.toleranceSeconds;
  return clockFault(claim.seconds, tolerance, now);
}

async function isSigned(
  scheme: Scheme,
  secrets: readonly string[],
  signatures: readonly Uint8Array[],
  signable: Signable,
): Promise<boolean> {
  let found = false;
  for (const content of await signedContents(scheme, signable)) {
    for (const secret of secrets) {
      const expected = await hmac(scheme, secret, content);
      if (expected === null) continue;
      for (const signature of signatures) {
        // The comparison stands first: it is made whether or not one has fitted already.
        found = constantTimeEqual(signature, expected) || found;
      }
    }
  }
  return found;
}
