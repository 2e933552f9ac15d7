/** Requests such as genuine senders make, for trying out a service and for the tests. */
import { sha256Hex } from "../crypto/digest.ts";
import { writeTimestamp } from "./clock.ts";
import { signedContents } from "./content.ts";
import { typeAndSuffix } from "./event-type.ts";
import { hmac } from "./key.ts";
import type { Scheme, Source } from "./scheme.ts";
import { SCHEMES } from "./schemes.ts";
import { type SignatureSettings, signatureHeaderOf, timestampHeaderOf } from "./settings.ts";
import { writeSignature } from "./signature-list.ts";
import { withBodyDigest } from "./signed-url.ts";

export interface Message {
  readonly url: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  /** The event's id and type, for schemes that have them in headers. */
  readonly id: string;
  readonly eventType: string;
}

const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/**
 * The headers that a genuine sender adds to `message` at `now` (in milliseconds), Content-Type
 * included, and the URL that it calls: where that vouches for the body, it is longer than the
 * message's. Throws a TypeError for what no genuine sender could sign: a secret that is no key, or a
 * body that is not what its Content-Type says.
 */
export async function sign(
  settings: SignatureSettings,
  secret: string,
  message: Message,
  now: number,
): Promise<{ readonly url: string; readonly headers: Headers }> {
  const scheme = SCHEMES[settings.scheme];
  const url = await urlOf(scheme, message);
  const timestamp = scheme.clock === undefined ? "" : writeTimestamp(scheme.clock, now);
  const [content] = await signedContents(scheme, {
    id: message.id,
    timestamp,
    url,
    notificationUrl: settings.notification_url,
    body: message.body,
  });
  const signature = content === undefined ? null : await hmac(scheme, secret, content);
  if (signature === null) throw new TypeError("this cannot be signed with these settings");

  const headers = new Headers({ "Content-Type": message.contentType });
  setFirst(headers, scheme.id, message.id);
  setFirst(headers, scheme.type.sources, typeAndSuffix(scheme, message.eventType).type);
  const timestampHeader = timestampHeaderOf(scheme, settings);
  if (timestampHeader !== undefined) headers.set(timestampHeader, timestamp);
  headers.set(signatureHeaderOf(scheme, settings), writeSignature(scheme, signature, timestamp));
  return { url, headers };
}

async function urlOf(scheme: Scheme, { url, body, contentType }: Message): Promise<string> {
  const vouches = scheme.content.includes("parameters") && !FORM.test(contentType);
  return vouches ? withBodyDigest(url, await sha256Hex(body)) : url;
}

/** Sets the header that is read first; nothing where the body says it. */
function setFirst(headers: Headers, [source]: readonly Source[], value: string): void {
  if (source !== undefined && "header" in source) headers.set(source.header, value);
}
