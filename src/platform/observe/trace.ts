import { toHex } from "../crypto/encoding.ts";
import { randomBytes } from "../crypto/random.ts";

/** W3C Trace Context, section 3.2: version, trace id, parent id, flags. */
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

const NO_TRACE = "0".repeat(32);

/** Trace id of the caller's `traceparent`, or a new one. */
export function traceIdOf(traceparent: string | undefined): string {
  const id = TRACEPARENT.exec(traceparent ?? "")?.[1];
  return id && id !== NO_TRACE ? id : toHex(randomBytes(16));
}
