/** What a request's headers say of its signature, before anything of it is believed. */
import { readTimestamp } from "./clock.ts";
import type { SignatureFault } from "./faults.ts";
import type { Scheme } from "./scheme.ts";
import { SCHEMES } from "./schemes.ts";
import { type SignatureSettings, signatureHeaderOf, timestampHeaderOf } from "./settings.ts";
import { readSignatures } from "./signature-list.ts";

export interface Claim {
  readonly signatures: readonly Uint8Array[];
  readonly id: string;
  readonly timestamp: string;
  /** Null where there is no timestamp to check. */
  readonly seconds: number | null;
}

/**
 * The first thing that is wrong with the headers, null when they can be read. It costs nothing to
 * ask before a body is read; a request without this fault may still be anybody's.
 */
export function headerFault(settings: SignatureSettings, headers: Headers): SignatureFault | null {
  const claim = readClaim(SCHEMES[settings.scheme], settings, headers);
  return typeof claim === "string" ? claim : null;
}

/** The claim of `headers`, or the first thing that is wrong with them. */
export function readClaim(
  scheme: Scheme,
  settings: SignatureSettings,
  headers: Headers,
): Claim | SignatureFault {
  const header = headers.get(signatureHeaderOf(scheme, settings));
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
