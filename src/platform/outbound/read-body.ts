import { untilAborted } from "./deadline.ts";

/** A body, or only its beginning. */
interface Received {
  readonly body: Uint8Array;
  readonly isCut: boolean;
}

/**
 * Reads the body of an answer as far as it is allowed to be long, and hangs up there. Bytes are
 * counted as they come out of decompression, so that a bomb stops where anything else would.
 * @param most bytes
 * @param patienceMs where a beginning is enough: for how long more of it is waited for; what has come
 *   when the connection breaks is enough then, too
 * @throws when the connection breaks, or the signal is aborted
 */
export async function readBody(
  response: Response,
  most: number,
  signal: AbortSignal,
  patienceMs: number | null = null,
): Promise<Received> {
  if (response.body === null) return { body: new Uint8Array(), isCut: false };
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const until = patienceMs === null ? signal : anyOf(signal, patienceMs);
  try {
    for (;;) {
      const { done, value } = await untilAborted(reader.read(), until);
      if (done) return { body: joined(chunks, size), isCut: false };
      chunks.push(value);
      size += value.byteLength;
      if (size > most) return { body: joined(chunks, size).slice(0, most), isCut: true };
    }
  } catch (error) {
    if (patienceMs === null) throw error;
    return { body: joined(chunks, size), isCut: true };
  } finally {
    // Closes the connection when there is more to come; after the end it does nothing.
    reader.cancel().catch(() => {});
  }
}

const anyOf = (signal: AbortSignal, ms: number) =>
  AbortSignal.any([signal, AbortSignal.timeout(ms)]);

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
