/**
 * Bodies up to this length, in bytes, are held, so that a second cell can be asked. The router serves the
 * tenants of all cells from the memory of one isolate, before anybody has said who asks.
 */
const MOST_HELD = 65_536;

/** On the platform's door, of whoever shows a credential: the parts of an archive are so long. */
const MOST_HELD_FOR_OPERATORS = 8 * 1_048_576;

/** A request that can be asked more than once, unless its body is too long to hold. */
export interface HeldRequest {
  readonly repeatable: boolean;
  /** The request anew, each time with these headers. */
  with(headers: Headers): Request;
}

/** Holds the body of a request, if it is not too long; what is longer streams through, once. */
export async function hold(request: Request, door: "platform" | "tenant"): Promise<HeldRequest> {
  const isOperators = door === "platform" && request.headers.has("authorization");
  const most = isOperators ? MOST_HELD_FOR_OPERATORS : MOST_HELD;
  const isLong = Number(request.headers.get("content-length") ?? 0) > most;
  if (!request.body || isLong) return passing(request, !request.body);
  const read = await readUpTo(request.body, most);
  return "whole" in read ? passing(request, true, read.whole) : passing(request, false, read.rest);
}

/** @param body instead of the request's own, which was read */
function passing(request: Request, repeatable: boolean, body?: BodyInit): HeldRequest {
  return {
    repeatable,
    // Redirects are the client's to follow.
    with: (headers) =>
      new Request(request, { headers, redirect: "manual", ...(body ? { body } : {}) }),
  };
}

/** A body of unknown length: whole, if it is not longer than `most` bytes, else as a stream again. */
async function readUpTo(
  body: ReadableStream<Uint8Array>,
  most: number,
): Promise<{ whole: Blob } | { rest: ReadableStream<Uint8Array> }> {
  const reader = body.getReader();
  const seen: Uint8Array[] = [];
  for (let length = 0; length <= most; ) {
    const { done, value } = await reader.read();
    if (done) return { whole: new Blob(seen) };
    seen.push(value);
    length += value.length;
  }
  const rest = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = seen.shift() ?? (await reader.read()).value;
      if (chunk) controller.enqueue(chunk);
      else controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { rest };
}
