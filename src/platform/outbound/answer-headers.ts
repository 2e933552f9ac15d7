/** Of one connection only (RFC 9110, section 7.6.1), or a session that is not the caller's. */
const DROPPED = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-connection",
  "set-cookie",
  "set-cookie2",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];
/** What the runtime decodes by itself. */
const DECODED = /^\s*(?:gzip|x-gzip|br)\s*$/i;

/** The headers of an answer that its caller is given. */
export function answerHeaders(given: Headers, method: string): Headers {
  const headers = new Headers(given);
  const ofConnection = (given.get("connection") ?? "").split(",").map((name) => name.trim());
  // A name that can be none would make `delete` throw.
  const named = ofConnection.filter((name) => /^[\w-]+$/.test(name));
  for (const name of [...DROPPED, ...named]) headers.delete(name);
  if (DECODED.test(given.get("content-encoding") ?? "")) {
    headers.delete("content-encoding");
    headers.delete("content-length");
  }
  // Without a body it is the length that a GET would have.
  if (method !== "HEAD") headers.delete("content-length");
  return headers;
}
