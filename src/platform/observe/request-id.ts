import { newId } from "../ids.ts";

/** An incoming request id is kept if it could be one of somebody's, and cannot break a log line. */
const REQUEST_ID = /^[\w.:-]{8,128}$/;

/** The caller's `X-Request-ID`, or a new one. */
export function requestIdOf(incoming: string | undefined): string {
  return incoming && REQUEST_ID.test(incoming) ? incoming : newId("request");
}
