import { Failure } from "../problems.ts";

/**
 * Reads a JSON body of at most `limit` bytes.
 * @returns undefined when there is none
 * @throws Failure `content-too-large`, `unsupported-media-type`, `malformed-json`
 */
export async function readJson(request: Request, limit: number): Promise<unknown> {
  const bytes = await readBytes(request, limit);
  if (bytes.byteLength === 0) return undefined;
  if (!isJson(request.headers.get("content-type"))) {
    throw new Failure("unsupported-media-type", "Send the body as application/json.");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch (cause) {
    throw new Failure("malformed-json", undefined, { cause });
  }
}

/** `application/json` or a `+json` type; a charset, if any, must be UTF-8 (RFC 8259, 8.1). */
function isJson(contentType: string | null): boolean {
  const [type = "", ...parameters] = (contentType ?? "").toLowerCase().split(";");
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith("charset="));
  if (charset && !/^charset="?utf-8"?$/.test(charset)) return false;
  return /^application\/(?:[\w.-]+\+)?json$/.test(type.trim());
}

/** Reads a body and gives up as soon as it is over the limit, whatever it had announced. */
export async function readBytes(request: Request, limit: number): Promise<Uint8Array> {
  const tooLarge = () => new Failure("content-too-large", `At most ${limit} bytes are accepted.`);
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength;
    if (length > limit) throw tooLarge();
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
