import { OF_HTTP } from "../header-names.ts";

/** Names of headers that settings may give to a signature or a time. */

// RFC 9110, section 5.6.2.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,255}$/;
/** What the caller shows to servers: it signs nothing. */
const OF_CREDENTIALS: ReadonlySet<string> = new Set(["authorization", "proxy-authorization"]);

/** Why `name` cannot be the header of a signature or a time; null when it can. */
export function headerNameFault(name: string): string | null {
  if (!TOKEN.test(name)) return "must be the name of an HTTP header";
  const lower = name.toLowerCase();
  const isTaken = OF_HTTP.has(lower) || OF_CREDENTIALS.has(lower);
  return isTaken ? "must be a header that HTTP does not use itself" : null;
}

/** Whether both names are those of one header. */
export function isSameHeader(name: string, other: string): boolean {
  return name.toLowerCase() === other.toLowerCase();
}
