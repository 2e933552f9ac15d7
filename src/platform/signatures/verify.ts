/** Whether a request comes from someone who knows a secret, and is of our time. */
import { constantTimeEqual } from "../crypto/digest.ts";
import { clockFault, readTimestamp } from "./clock.ts";
import { type Signable, signedContents } from "./content.ts";
import type { SignatureFault } from "./faults.ts";
import { hmac } from "./key.ts";
import type { Scheme } from "./scheme.ts";
import { SCHEMES } from "./schemes.ts";
import { type SignatureSettings, timestampHeaderOf } from "./settings.ts";
import { readSignatures } from "./signature-list.ts";

export interface SignedRequest {
  /** The full URL as the caller reached it: origin, path and query. */
  readonly url: string;
  readonly headers: Headers;
  /** The exact bytes that were sent. */
  readonly body: Uint8Array;
}

/** What the headers claim, before anything of it is believed. */
interface Claim {
  readonly signatures: readonly Uint8Array[];
  readonly id: string;
  readonly timestamp: string;
  /** Null where there is no timestamp to check. */
  readonly seconds: number | null;
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

function readClaim(
  scheme: Scheme,
  settings: SignatureSettings,
  headers: Headers,
): Claim | SignatureFault {
  const header = headers.get(settings.signature_header ?? scheme.signature.header);
  if (header === null || header === "") return "signature-missing";
  const list = readSignatures(scheme, header);
  if (typeof list === "string") return list;
  const id = scheme.idHeader === undefined ? "" : headers.get(scheme.idHeader);
  if (id === null || (scheme.idHeader !== undefined && id === "")) return "id-missing";
  const timestampHeader = timestampHeaderOf(scheme, settings);
  const timestamp = timestampHeader === undefined ? list.timestamp : headers.get(timestampHeader);
  if (timestamp === null || timestamp === "" || scheme.clock === undefined) {
    // An unsigned timestamp proves nothing, so it may as well be absent.
    if (scheme.content.includes("timestamp")) return "timestamp-missing";
    return { signatures: list.signatures, id, timestamp: "", seconds: null };
  }
  const seconds = readTimestamp(scheme.clock, timestamp);
  if (seconds === null) return "timestamp-malformed";
  return { signatures: list.signatures, id, timestamp, seconds };
}
