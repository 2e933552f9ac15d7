/** Forms as Twilio signs them: sorted names, each before its value, with nothing in between. */
import { Buffer } from "node:buffer";

// A raw space would be a second spelling of "+".
const COMPONENT = /^(?:[^% ]|%[0-9A-Fa-f]{2})*$/;

/**
 * The signed bytes of a form (application/x-www-form-urlencoded); null when the body is none. The
 * values of a repeated name stand in order, equal ones once, as Twilio's library has it.
 *
 * A name without "=" is refused though a browser would read it: "Body=hi" and "Body&hi" would be
 * the same bytes.
 */
export function signedParameters(body: Uint8Array): Uint8Array | null {
  // Letters are bytes here, so that what is not UTF-8 is signed as it came.
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  const values = new Map<string, Set<string>>();
  for (const pair of text === "" ? [] : text.split("&")) {
    const [name, value] = readPair(pair);
    if (name === null || value === null) return null;
    values.set(name, (values.get(name) ?? new Set()).add(value));
  }
  const names = [...values.keys()].sort();
  const signed = names.flatMap((name) =>
    [...(values.get(name) ?? [])].sort().map((value) => name + value),
  );
  return new Uint8Array(Buffer.from(signed.join(""), "latin1"));
}

function readPair(pair: string): readonly [string | null, string | null] {
  const equals = pair.indexOf("=");
  if (equals === -1) return [null, null];
  return [readComponent(pair.slice(0, equals)), readComponent(pair.slice(equals + 1))];
}

function readComponent(text: string): string | null {
  if (!COMPONENT.test(text)) return null;
  return text
    .replaceAll("+", " ")
    .replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
