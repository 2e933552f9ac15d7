import { Buffer } from "node:buffer";
import { fromUtf8, utf8 } from "../../platform/crypto/encoding.ts";
import { parseIJson, tokensOf } from "../../platform/i-json.ts";
import { isJsonType } from "./request-body.ts";

/** A service's body as callers get it. */
export type AnswerBody =
  | { readonly encoding: null; readonly body: null }
  | { readonly encoding: "json"; readonly body: unknown }
  | { readonly encoding: "text" | "base64"; readonly body: string };

const TEXT_TYPE =
  /^\s*(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml)\b|application\/(?:x-www-form-urlencoded|javascript|yaml|x-ndjson)\b)/i;
const OTHER_CHARSET = /;\s*charset\s*=\s*"?(?!utf-?8\b|us-ascii\b)[\w-]/i;

/**
 * An answer is kept for its Idempotency-Key in a row of at most 2 MB, as JSON in JSON, sealed: what
 * would not fit because of its escapes goes as base64, which has none. In bytes.
 */
const MOST_ESCAPED = 1_400_000;

/**
 * A JSON value where the bytes are exactly that to every reader, else text, else base64: nothing is
 * changed on the way, not even digits of a number.
 */
export function answerBody(bytes: Uint8Array, contentType: string | null): AnswerBody {
  if (bytes.byteLength === 0) return { encoding: null, body: null };
  const read = contentType !== null && isJsonType(contentType) ? jsonOf(bytes) : null;
  const fitting = read ?? textOf(bytes, contentType);
  if (fitting && isKeepable(fitting.body)) return fitting;
  return { encoding: "base64", body: Buffer.from(bytes).toString("base64") };
}

function isKeepable(body: unknown): boolean {
  return utf8(JSON.stringify(JSON.stringify(body))).byteLength <= MOST_ESCAPED;
}

function jsonOf(bytes: Uint8Array): AnswerBody | null {
  try {
    const { value, text } = parseIJson(bytes);
    return hasLongNumbers(text) ? null : { encoding: "json", body: value };
  } catch {
    return null;
  }
}

function textOf(bytes: Uint8Array, contentType: string | null): AnswerBody | null {
  if (contentType !== null && !TEXT_TYPE.test(contentType)) return null;
  if (contentType !== null && OTHER_CHARSET.test(contentType)) return null;
  try {
    return { encoding: "text", body: fromUtf8(bytes) };
  } catch {
    return null;
  }
}

/** Whether a number is lost in a double: too large, or an integer of too many digits. */
function hasLongNumbers(text: string): boolean {
  let end = 0;
  for (const token of tokensOf(text)) {
    if (isLong(text.slice(end, token.start))) return true;
    end = token.end;
  }
  return isLong(text.slice(end));
}

function isLong(between: string): boolean {
  const word = between.trim();
  if (!/^-?\d/.test(word)) return false;
  const number = Number(word);
  return !Number.isFinite(number) || (/^-?\d+$/.test(word) && !Number.isSafeInteger(number));
}
