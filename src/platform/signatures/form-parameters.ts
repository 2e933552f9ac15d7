/** Forms as Twilio signs them: sorted names, each before its value, with nothing in between. */
import { Buffer } from "node:buffer";

type Pair = readonly [name: string, value: string];

// Twilio sends a few dozen; a megabyte holds half a million, which nobody has signed so far.
const MOST_PARAMETERS = 500;
// A raw space would be a second spelling of "+".
const MISWRITTEN = / |%(?![0-9A-Fa-f]{2})/;
const SPACE = 0x20;

/**
 * The signed bytes of a form (application/x-www-form-urlencoded); null when the body is none, or one
 * of more than 500 parameters. The values of a repeated name stand in order, equal ones once, as
 * Twilio's library has it.
 *
 * A name without "=" is refused though a browser would read it: "Body=hi" and "Body&hi" would be
 * the same bytes.
 */
export function signedParameters(body: Uint8Array): Uint8Array | null {
  // Letters are bytes here, so that what is not UTF-8 is signed as it came.
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  // Counted before anything is decoded, so that a long list costs no more than a short one.
  const written = text === "" ? [] : text.split("&", MOST_PARAMETERS + 1);
  if (written.length > MOST_PARAMETERS) return null;
  const pairs: Pair[] = [];
  for (const parameter of written) {
    const pair = readPair(parameter);
    if (pair === null) return null;
    pairs.push(pair);
  }
  const signed = pairs
    .sort(byNameThenValue)
    .filter((pair, index) => index === 0 || byNameThenValue(pairs[index - 1] as Pair, pair) !== 0)
    .map(([name, value]) => name + value);
  return new Uint8Array(Buffer.from(signed.join(""), "latin1"));
}

function byNameThenValue([name, value]: Pair, [otherName, otherValue]: Pair): number {
  return compare(name, otherName) || compare(value, otherValue);
}

function compare(text: string, other: string): number {
  if (text === other) return 0;
  return text < other ? -1 : 1;
}

function readPair(parameter: string): Pair | null {
  if (MISWRITTEN.test(parameter)) return null;
  const equals = parameter.indexOf("=");
  if (equals === -1) return null;
  return [decoded(parameter.slice(0, equals)), decoded(parameter.slice(equals + 1))];
}

/** In place: a megabyte of escapes would be half a million texts of one letter. */
function decoded(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === "%") {
      bytes[length++] = Number.parseInt(text.slice(at + 1, at + 3), 16);
      at += 2;
    } else {
      bytes[length++] = letter === "+" ? SPACE : text.charCodeAt(at);
    }
  }
  return bytes.toString("latin1", 0, length);
}
