import { fromUtf8 } from "../../platform/crypto/encoding.ts";
import { parseIJson } from "../../platform/i-json.ts";
import { Failure } from "../../platform/problems.ts";
import { payloadFormat, type SignatureSettings } from "../../platform/signatures/index.ts";
import type { PayloadKind } from "./webhooks.tables.ts";

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json$/;
const FORM_TYPE = "application/x-www-form-urlencoded";

/** How a service's body is to be read. Without a `Content-Type` it is JSON. */
export function payloadKind(settings: SignatureSettings, contentType: string): PayloadKind {
  const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (payloadFormat(settings) === "json" || type === "" || JSON_TYPE.test(type)) return "json";
  return type === FORM_TYPE ? "form" : "other";
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
