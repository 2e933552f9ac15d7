import { utf8 } from "../../platform/crypto/encoding.ts";
import { Failure } from "../../platform/problems.ts";

/** The largest body that is sent, in bytes. */
export const MOST_BYTES = 524_288;

const JSON_TYPE = /^\s*application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

export function isJsonType(contentType: string): boolean {
  return JSON_TYPE.test(contentType);
}

/**
 * The bytes of a body: a JSON value, or text as it is where `headers` name another content type.
 * Says JSON in `headers` where they say nothing.
 * @returns null when there is none
 * @throws Failure `validation-failed`, `content-too-large`
 */
export function bodyBytes(body: unknown, method: string, headers: Headers): Uint8Array | null {
  if (body === undefined || body === null) return null;
  if (method === "GET" || method === "HEAD") throw refused("must be left out of GET and HEAD");
  const contentType = headers.get("content-type");
  if (contentType === null) headers.set("content-type", "application/json");
  const bytes = utf8(
    contentType === null || isJsonType(contentType) ? JSON.stringify(body) : textOf(body),
  );
  if (bytes.byteLength <= MOST_BYTES) return bytes;
  throw new Failure("content-too-large", `At most ${MOST_BYTES} bytes are sent to a service.`);
}

function textOf(body: unknown): string {
  if (typeof body !== "string") throw refused("must be text for this content type");
  if (!body.isWellFormed()) throw refused("must be well-formed text");
  return body;
}

function refused(message: string): Failure {
  return new Failure("validation-failed", "Some values are not valid.", {
    errors: [{ pointer: "/body", message }],
  });
}
