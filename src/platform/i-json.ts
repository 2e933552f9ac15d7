import { fromUtf8 } from "./crypto/encoding.ts";
import { Failure } from "./problems.ts";

/** Deeper than any document that somebody wrote, and shallow enough for every recursive reader. */
const DEEPEST = 64;

/** A string or a structural character of a JSON text, and where it stands. */
export interface Token {
  /** The character, or `"` for a string. */
  readonly mark: string;
  readonly start: number;
  /** Behind its last character. */
  readonly end: number;
}

/**
 * Reads I-JSON (RFC 7493): no name twice and no lone surrogate, over which parsers differ. Besides at
 * most 64 levels deep, without the name `__proto__`, which no honest sender uses, and without a byte
 * order mark, which some parsers skip and others refuse. Numbers may be anything that JSON allows:
 * section 2.2 only advises to stay within what a double holds, so 2^53 + 1 and 1e400 pass, and other
 * parsers may read other numbers than ours does.
 * @throws Failure `malformed-json`, with a detail that tells the sender what is wrong
 */
export function parseIJson(bytes: Uint8Array): { readonly value: unknown; readonly text: string } {
  let text: string;
  let value: unknown;
  try {
    text = fromUtf8(bytes);
  } catch (cause) {
    throw new Failure("malformed-json", undefined, { cause });
  }
  if (text.startsWith("\ufeff")) throw malformed("begins with a byte order mark");
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Failure("malformed-json", undefined, { cause });
  }
  requireIJson(text);
  return { value, text };
}

/** The tokens of a text that is JSON. Numbers and words stand between them. */
export function* tokensOf(text: string): Generator<Token> {
  for (let at = 0; at < text.length; at++) {
    const mark = text[at] as string;
    if (mark === '"') {
      const start = at++;
      while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
      yield { mark, start, end: at + 1 };
    } else if ("{}[],:".includes(mark)) {
      yield { mark, start: at, end: at + 1 };
    }
  }
}

function requireIJson(text: string): void {
  // Names seen so far of each object that is open; null for an array.
  const open: (Set<string> | null)[] = [];
  let previous = "";
  for (const { mark, start, end } of tokensOf(text)) {
    if (mark === '"') {
      const names = open.at(-1);
      const isName = names && (previous === "{" || previous === ",");
      requireString(text.slice(start, end), isName ? names : null);
    } else if (mark === "{" || mark === "[") {
      if (open.push(mark === "{" ? new Set() : null) > DEEPEST) {
        throw malformed(`is nested deeper than ${DEEPEST} levels`);
      }
    } else if (mark === "}" || mark === "]") {
      open.pop();
    }
    previous = mark;
  }
}

/** @param names where the string is an object's name: those before it */
function requireString(raw: string, names: Set<string> | null): void {
  if (!names && !raw.includes("\\u")) return;
  const string = JSON.parse(raw) as string;
  if (!string.isWellFormed()) throw malformed("holds half of a surrogate pair");
  if (!names) return;
  if (string === "__proto__") throw malformed('has an object with the name "__proto__"');
  if (names.has(string)) throw malformed("has an object that uses a name twice");
  names.add(string);
}

function malformed(why: string): Failure {
  return new Failure("malformed-json", `The body ${why}.`);
}
