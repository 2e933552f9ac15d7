/**
 * Bytes to text and back. Decoders are strict: one value has exactly one text, so that a token, a
 * cursor or a nonce cannot be rewritten into a second spelling that still decodes.
 */
import { Buffer } from "node:buffer";

const encoder = new TextEncoder();
// Fatal, so that bytes that are not UTF-8 are never silently replaced; a byte order mark is data.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of `text`. A lone surrogate, which UTF-8 cannot express, becomes U+FFFD. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text) as Uint8Array<ArrayBuffer>;
}

/** Text of UTF-8 `bytes`, a byte order mark included. Throws a TypeError when it is not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** base64url without padding (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return view(bytes).toString("base64url");
}

/**
 * Bytes of an unpadded base64url text; null when it has a letter outside the alphabet, padding, an
 * impossible length or trailing bits that are not zero (RFC 4648, section 3.5).
 */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  return decodeCanonical(text, "base64url", "");
}

/** Standard base64 without padding, as PHC strings have it. */
export function toBase64NoPad(bytes: Uint8Array): string {
  return view(bytes).toString("base64").replace(/=+$/, "");
}

/** Bytes of a standard, unpadded base64 text; null when malformed or not canonical. */
export function fromBase64NoPad(text: string): Uint8Array<ArrayBuffer> | null {
  return decodeCanonical(text, "base64", "=");
}

/** Standard base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString("base64");
}

/** Bytes of a standard, padded base64 text; null when malformed or not canonical. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  return decodeCanonical(text, "base64", "");
}

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  return view(bytes).toString("hex");
}

/** Bytes of a lower-case hexadecimal text; null for everything else, upper case included. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> | null {
  return decodeCanonical(text, "hex", "");
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Buffer skips what it does not know, so the one check that covers every fault is to go back. */
function decodeCanonical(
  text: string,
  encoding: "base64" | "base64url" | "hex",
  padding: string,
): Uint8Array<ArrayBuffer> | null {
  const decoded = Buffer.from(text, encoding);
  let again = decoded.toString(encoding);
  while (padding !== "" && again.endsWith(padding)) again = again.slice(0, -1);
  // A copy: a small Buffer is a window on memory that it shares with others.
  return again === text ? new Uint8Array(decoded) : null;
}
