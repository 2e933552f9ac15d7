/**
 * Headers that say something already, in small letters: HTTP uses them itself, and servers on the way
 * change them or act on them (RFC 9110; RFC 7239; the Fetch standard). Nobody's settings may give them
 * another meaning.
 */
export const OF_HTTP: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "date",
  "expect",
  "forwarded",
  "host",
  "keep-alive",
  "origin",
  "referer",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "via",
]);
