/** Names of headers that settings may give to a signature or a time. */

// RFC 9110, section 5.6.2.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,255}$/;
/** These say something else already, and servers on the way change them or act on them. */
const OF_HTTP: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "authorization",
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
  "proxy-authorization",
  "referer",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "via",
]);

/** Why `name` cannot be the header of a signature or a time; null when it can. */
export function headerNameFault(name: string): string | null {
  if (!TOKEN.test(name)) return "must be the name of an HTTP header";
  return OF_HTTP.has(name.toLowerCase()) ? "must be a header that HTTP does not use itself" : null;
}

/** Whether both names are those of one header. */
export function isSameHeader(name: string, other: string): boolean {
  return name.toLowerCase() === other.toLowerCase();
}
