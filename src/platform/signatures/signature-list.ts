/** The header with the signatures, read and written. */
import { fromBase64, fromHex, toBase64, toHex } from "../crypto/encoding.ts";
import type { SignatureFault } from "./faults.ts";
import type { Scheme, SignatureForm } from "./scheme.ts";

export interface SignatureList {
  readonly signatures: readonly Uint8Array[];
  /** The timestamp that stands among the signatures, as it is written there. */
  readonly timestamp: string | null;
}

// A sender lists one for each key that is in use, which are two or three while keys change.
const MAX_ENTRIES = 20;
const MAX_LENGTH = 4096;
const HASH_BYTES: Readonly<Record<Scheme["hash"], number>> = { "SHA-1": 20, "SHA-256": 32 };
// How Fetch joins a header that was sent twice.
const JOINED = ", ";

type Codec = {
  readonly encode: (bytes: Uint8Array) => string;
  readonly decode: (text: string) => Uint8Array | null;
};

const CODECS: Readonly<Record<SignatureForm["encoding"], Codec>> = {
  hex: { encode: toHex, decode: fromHex },
  "hex-any-case": {
    encode: toHex,
    decode: (text) => fromHex(text === text.toUpperCase() ? text.toLowerCase() : text),
  },
  base64: { encode: toBase64, decode: fromBase64 },
};

/** All signatures that `text` lists, or what is wrong with it. Entries of other versions are skipped. */
export function readSignatures(scheme: Scheme, text: string): SignatureList | SignatureFault {
  const { separator } = scheme.signature;
  return separator === null ? readSingle(scheme, text) : readList(scheme, separator, text);
}

/** The header's text for one signature. */
export function writeSignature(scheme: Scheme, signature: Uint8Array, timestamp: string): string {
  const { tag, separator, encoding } = scheme.signature;
  const entry = tag + CODECS[encoding].encode(signature);
  const clockTag = clockTagOf(scheme);
  return clockTag === null ? entry : `${clockTag}${timestamp}${separator}${entry}`;
}

function readSingle(scheme: Scheme, text: string): SignatureList | SignatureFault {
  const { tag, tagOptional } = scheme.signature;
  if (text.length > MAX_LENGTH) return "signature-malformed";
  const tagged = text.startsWith(tag);
  if (!tagged && tagOptional !== true) return "signature-malformed";
  const signature = decode(scheme, tagged ? text.slice(tag.length) : text);
  return signature === null ? "signature-malformed" : { signatures: [signature], timestamp: null };
}

function readList(scheme: Scheme, separator: string, text: string): SignatureList | SignatureFault {
  // Counted before anything is decoded, so that a long list costs no more than a short one.
  const entries = text.replaceAll(JOINED, separator).split(separator, MAX_ENTRIES + 1);
  if (entries.length > MAX_ENTRIES || text.length > MAX_LENGTH) return "too-many-signatures";
  const { tag } = scheme.signature;
  const clockTag = clockTagOf(scheme);
  const signatures: Uint8Array[] = [];
  const timestamps = new Set<string>();
  for (const entry of entries) {
    if (entry.startsWith(tag)) {
      const signature = decode(scheme, entry.slice(tag.length));
      if (signature === null) return "signature-malformed";
      signatures.push(signature);
    } else if (clockTag !== null && entry.startsWith(clockTag)) {
      timestamps.add(entry.slice(clockTag.length));
    } else if (!entry.includes(tag.slice(-1))) {
      return "signature-malformed";
    }
  }
  // A header that was sent twice may say the same time twice, but not two times.
  if (signatures.length === 0 || timestamps.size > 1) return "signature-malformed";
  return { signatures, timestamp: [...timestamps][0] ?? null };
}

function clockTagOf({ clock }: Scheme): string | null {
  return typeof clock?.at === "object" && "tag" in clock.at ? clock.at.tag : null;
}

function decode(scheme: Scheme, text: string): Uint8Array | null {
  const bytes = CODECS[scheme.signature.encoding].decode(text);
  return bytes?.byteLength === HASH_BYTES[scheme.hash] ? bytes : null;
}
