import { sha256 } from "../crypto/digest.ts";
import { fromUtf8, toBase64, utf8 } from "../crypto/encoding.ts";
import { Failure } from "../problems.ts";
import type { RawBody } from "./endpoint.ts";

/** JSON texts, each followed by a newline (ndjson.org). */
export const NDJSON = "application/x-ndjson";

/**
 * Texts as a stream that makes the next one when the last was taken, so that no more than one waits.
 * @param texts is closed when the caller goes away
 */
export function streamOf(texts: AsyncGenerator<string>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await texts.next();
      if (done) controller.close();
      else controller.enqueue(utf8(value));
    },
    async cancel() {
      await texts.return(undefined);
    },
  });
}

/**
 * Reads lines of JSON that came whole: their media type, and the digest that comes with them.
 * @returns each line, parsed
 * @throws Failure `unsupported-media-type`, `content-too-large`, `malformed-request` for a missing or
 * wrong digest, `malformed-json`
 */
export async function readLines(raw: RawBody, limit: number): Promise<unknown[]> {
  const [type = ""] = (raw.headers.get("content-type") ?? "").toLowerCase().split(";");
  if (type.trim() !== NDJSON) {
    throw new Failure("unsupported-media-type", `Send the body as ${NDJSON}.`);
  }
  const bytes = await raw.read(limit);
  await requireDigest(raw.headers.get("content-digest"), bytes);
  return parseLines(bytes);
}

/** RFC 9530. Of several digests the SHA-256 counts. */
async function requireDigest(header: string | null, bytes: Uint8Array): Promise<void> {
  const told = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]{44}):/.exec(header ?? "")?.[1];
  if (told === undefined) {
    throw new Failure("malformed-request", "Content-Digest must hold a sha-256 (RFC 9530).");
  }
  if (told !== toBase64(await sha256(bytes))) {
    throw new Failure("malformed-request", "The body is not the one of its Content-Digest.");
  }
}

/** An empty line at the end is the end. */
function parseLines(bytes: Uint8Array): unknown[] {
  const lines = textOf(bytes).split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, index) => {
    try {
      return JSON.parse(line) as unknown;
    } catch (cause) {
      throw new Failure("malformed-json", `Line ${index + 1} is not valid JSON.`, { cause });
    }
  });
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    throw new Failure("malformed-json", "The body is not UTF-8.", { cause });
  }
}
