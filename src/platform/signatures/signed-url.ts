/** URLs as parts of what is signed. They are texts here: a URL parser would rewrite them. */

const PARTS = /^(https?:\/\/)([^/?#]*?)(:\d+)?([/?].*)?$/s;
const STANDARD_PORTS: Readonly<Record<string, string>> = { "https://": ":443", "http://": ":80" };
/** The parameter by which a URL vouches for a body that is no form. */
const BODY_DIGEST = "bodySHA256";

/**
 * The URL that the provider called: `configured` in place of origin and path, with the request's
 * query unless it has one of its own. The body's digest, which the provider adds, is kept always.
 */
export function calledUrl(reached: string, configured: string | undefined): string {
  if (configured === undefined) return reached;
  const query = reached.indexOf("?");
  if (query === -1) return configured;
  if (!configured.includes("?")) return configured + reached.slice(query);
  const digest = bodyDigestOf(reached);
  return digest === null ? configured : withBodyDigest(configured, digest);
}

/**
 * `url` without its port and with it, since Twilio signs the one or the other and its own library
 * tries both. A URL without a port gets the one that its protocol implies.
 */
export function portSpellings(url: string): readonly string[] {
  const match = PARTS.exec(url);
  if (match === null) return [url];
  const [, protocol = "", host = "", port = STANDARD_PORTS[protocol] ?? "", rest = ""] = match;
  return [protocol + host + rest, protocol + host + port + rest];
}

/** The digest of the body in the query, as it is written; null when there is none or several. */
export function bodyDigestOf(url: string): string | null {
  const query = url.indexOf("?");
  if (query === -1) return null;
  const [digest, ...more] = new URLSearchParams(url.slice(query + 1)).getAll(BODY_DIGEST);
  return digest === undefined || more.length > 0 ? null : digest;
}

/** `url` with the body's digest at the end of its query. */
export function withBodyDigest(url: string, digest: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}${BODY_DIGEST}=${digest}`;
}
