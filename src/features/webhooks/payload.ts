import { fromUtf8 } from "../../platform/crypto/encoding.ts";
import { parseIJson } from "../../platform/i-json.ts";
import { Failure } from "../../platform/problems.ts";
import { payloadFormat, type SignatureSettings } from "../../platform/signatures/index.ts";
import type { PayloadKind } from "./webhooks.tables.ts";

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json$/;
const JSON_BLANKS: readonly (number | undefined)[] = [0x20, 0x09, 0x0a, 0x0d];
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** The first name of a form and the sign behind it. Neither XML nor prose nor JSON begins so. */
const FORM = /^[^\s\p{Cc}<"=]+=/u;

/**
 * How a service's body is to be read. Nobody signs the `Content-Type`, so it never makes one meaning
 * into another: what was signed decides. All that it can do is to have refused what it says is JSON
 * and is not.
 */
export function payloadKind(
  settings: SignatureSettings,
  contentType: string,
  body: Uint8Array,
): PayloadKind {
  if (payloadFormat(settings) === "json" || opensJson(body)) return "json";
  const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (JSON_TYPE.test(type)) return "json";
  return FORM.test(textOf(body) ?? "") ? "form" : "other";
}

/** Whether an object or a list begins here, be it behind a byte order mark, which is refused then. */
function opensJson(body: Uint8Array): boolean {
  let at = BYTE_ORDER_MARK.every((byte, index) => body[index] === byte) ? 3 : 0;
  while (JSON_BLANKS.includes(body[at])) at += 1;
  return body[at] === 0x7b || body[at] === 0x5b;
}

/**
 * What a body says: a JSON value, a form's fields, or undefined where it is neither.
 * @throws Failure `malformed-json`, and `malformed-request` for an empty body
 */
export function readPayload(kind: PayloadKind, body: Uint8Array): unknown {
  if (body.byteLength === 0) throw new Failure("malformed-request", "The body is empty.");
  if (kind === "json") return parseIJson(body).value;
  return kind === "form" ? formFields(body) : undefined;
}

/** The first value of each field; undefined where the bytes are no text. */
function formFields(body: Uint8Array): Record<string, string> | undefined {
  const text = textOf(body);
  if (text === null) return undefined;
  // Backwards, so that of fields with one name the first stays.
  return Object.fromEntries([...new URLSearchParams(text)].reverse());
}

/** The text whose UTF-8 is these very bytes; null where there is none. */
export function textOf(body: Uint8Array): string | null {
  try {
    return fromUtf8(body);
  } catch {
    return null;
  }
}
