/** Calling other people's systems. */
export { addressFault } from "./addresses.ts";
export { callOut } from "./call-out.ts";
export { mayBeNamed } from "./header-names.ts";
export type { Line, OutboundAnswer, OutboundRequest } from "./line.ts";
export { requestHeaders } from "./request-headers.ts";
export { isPassingStatus, retryAfterMs } from "./retry.ts";
export { targetUrl } from "./target-url.ts";
