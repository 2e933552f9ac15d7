import { readBytes } from "../http/body.ts";

/**
 * Bodies up to this length, in bytes, are held, so that a second cell can be asked: the longest that any
 * operation takes by default is a batch of webhooks, 1.5 MB.
 */
const MOST_HELD = 2 * 1_048_576;

/** A request that can be asked more than once, unless its body is too long to hold. */
export interface HeldRequest {
  readonly repeatable: boolean;
  /** The request anew, each time with these headers. */
  with(headers: Headers): Request;
}

/**
 * Holds the body of a request. One that says that it is longer streams through and can be asked once: a
 * cell refuses most of those by what they say.
 * @throws Failure `content-too-large` for one that is too long and has not said so
 */
export async function hold(request: Request): Promise<HeldRequest> {
  const isLong = Number(request.headers.get("content-length") ?? 0) > MOST_HELD;
  const body = request.body && !isLong ? await readBytes(request, MOST_HELD) : null;
  return {
    repeatable: !isLong,
    // Redirects are the client's to follow.
    with: (headers) =>
      new Request(request, { headers, redirect: "manual", ...(body ? { body } : {}) }),
  };
}
