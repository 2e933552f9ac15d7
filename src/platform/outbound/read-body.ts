import { untilAborted } from "./deadline.ts";

/**
 * Reads the body of an answer as far as it is allowed to be long; null when there is more. Bytes are
 * counted as they come out of decompression, so that a bomb stops where anything else would.
 * @param most bytes
 * @throws when the connection breaks, or the signal is aborted
 */
export async function readBody(
  response: Response,
  most: number,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  if (response.body === null) return new Uint8Array();
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await untilAborted(reader.read(), signal);
      if (done) return joined(chunks, size);
      size += value.byteLength;
      if (size > most) return null;
      chunks.push(value);
    }
  } finally {
    // Closes the connection when there is more to come; after the end it does nothing.
    reader.cancel().catch(() => {});
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
