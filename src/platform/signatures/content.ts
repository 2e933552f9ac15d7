/** The bytes that a signature is made of. */
import { constantTimeEqual, sha256 } from "../crypto/digest.ts";
import { fromHex, utf8 } from "../crypto/encoding.ts";
import { signedParameters } from "./form-parameters.ts";
import type { ContentPart, Scheme } from "./scheme.ts";
import { bodyDigestOf, calledUrl, portSpellings } from "./signed-url.ts";

/** What a request offers to be signed. Texts are as the headers have them. */
export interface Signable {
  readonly id: string;
  readonly timestamp: string;
  readonly url: string;
  readonly notificationUrl: string | undefined;
  readonly body: Uint8Array;
}

type NamedPart = Extract<ContentPart, string>;
/** The spellings that a part may have; none when the request has no such part. */
type PartReader = (from: Signable) => Promise<readonly Uint8Array[]> | readonly Uint8Array[];

const PARTS: Readonly<Record<NamedPart, PartReader>> = {
  id: ({ id }) => [utf8(id)],
  timestamp: ({ timestamp }) => [utf8(timestamp)],
  body: ({ body }) => [body],
  url: ({ url, notificationUrl }) => portSpellings(calledUrl(url, notificationUrl)).map(utf8),
  "notification-url": ({ notificationUrl }) =>
    notificationUrl === undefined ? [] : [utf8(notificationUrl)],
  parameters: async ({ url, notificationUrl, body }) => {
    // The URL decides, not the Content-Type, which nobody signed.
    const digest = bodyDigestOf(calledUrl(url, notificationUrl));
    if (digest !== null) return (await isDigestOf(digest, body)) ? [new Uint8Array()] : [];
    const signed = signedParameters(body);
    return signed === null ? [] : [signed];
  },
};

/**
 * The byte strings of which one must have been signed. Most schemes leave no choice; none at all
 * means that nothing a genuine sender signs looks like this.
 */
export async function signedContents(
  scheme: Scheme,
  from: Signable,
): Promise<readonly Uint8Array[]> {
  let contents: readonly Uint8Array[] = [new Uint8Array()];
  for (const part of scheme.content) {
    const spellings = typeof part === "object" ? [utf8(part.literal)] : await PARTS[part](from);
    contents = contents.flatMap((head) => spellings.map((tail) => joined(head, tail)));
  }
  return contents;
}

async function isDigestOf(digest: string, body: Uint8Array): Promise<boolean> {
  const expected = await sha256(body);
  return constantTimeEqual(fromHex(digest) ?? new Uint8Array(), expected);
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.byteLength + tail.byteLength);
  whole.set(head);
  whole.set(tail, head.byteLength);
  return whole;
}
