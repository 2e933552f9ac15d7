import type { OutboundRequest } from "./line.ts";

/** What is sent to one address on the way. */
export type Hop = Pick<OutboundRequest, "method" | "url" | "headers" | "credential" | "body">;

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Headers of the body alone: they go when it goes (RFC 9110, section 15.4). */
const OF_BODY = ["content-type", "content-language", "content-encoding", "content-digest"];
/** What another origin may be told: of the caller's own headers, too, any can be a credential. */
const FOR_ANYBODY: ReadonlySet<string> = new Set(["accept", "content-type", "content-encoding"]);

/**
 * The request that a redirect asks for (RFC 9110, section 15.4); null when the answer is none.
 * @throws TypeError when its location is no URL
 */
export function nextHop(hop: Hop, status: number, location: string | null): Hop | null {
  if (!REDIRECTS.has(status) || location === null) return null;
  const url = new URL(location, hop.url);
  url.hash = "";
  const method = methodAfter(hop.method, status);
  const isOther = url.origin !== hop.url.origin;
  const headers = new Headers(
    [...hop.headers].filter(([name]) => !isOther || FOR_ANYBODY.has(name)),
  );
  const credential = isOther ? null : (hop.credential ?? null);
  if (method === hop.method) return { method, url, headers, credential, body: hop.body };
  for (const name of OF_BODY) headers.delete(name);
  return { method, url, headers, credential, body: null };
}

/** 303 asks for the result; 301 and 302 turn POST into GET, as all clients have always done. */
function methodAfter(method: string, status: number): string {
  if (method === "GET" || method === "HEAD") return method;
  return status === 303 || (method === "POST" && (status === 301 || status === 302))
    ? "GET"
    : method;
}
