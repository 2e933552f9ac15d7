import { OF_HTTP } from "../header-names.ts";

/** What a caller may say to a service. Anything else is the connection's, the platform's or a risk. */
const ALLOWED: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "cache-control",
  "content-language",
  "content-type",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "prefer",
  "range",
]);
/** Headers of applications: `x-` anything, and versions such as `stripe-version`. */
const OF_APPLICATIONS = /^(?:x-[a-z0-9-]+|[a-z0-9]+-version)$/;

/** Those that mean something to servers on the way besides. */
const OF_SERVERS: ReadonlySet<string> = new Set(["range", "true-client-ip"]);

/**
 * By these proxies tell servers whom they have let in, from where, and what was asked for. A server
 * believes them, so only a proxy of its own may send them. The list is of what is known: a service
 * that believes another `x-` header has to be told to whom its callers may say it.
 */
const FAMILIES = [
  ...["accel", "akamai", "amzn", "anonymous", "appengine", "auth", "azure", "client", "consumer"],
  ...["envoy", "forward", "goog-auth", "goog-iap", "host", "http", "impersonate", "middleware"],
  ...["ms-client", "ms-token", "original", "originating", "override", "proto", "proxy", "real-"],
  ...["realip", "remote", "rewrite", "scheme", "sendfile", "ssl", "upstream", "user", "webauth"],
];
/** The same where longer words are harmless. */
const WORDS = [
  ...["arr", "backend", "cluster", "credential", "destination", "matched-path", "method-override"],
  ...["port", "real", "request-uri", "server", "tls", "trusted", "url", "verified"],
];
const OF_PROXIES = new RegExp(
  `^(?:cf-|proxy-|sec-|x-(?:${FAMILIES.join("|")}|(?:${WORDS.join("|")})(?:-|$)))`,
);
/** Names in those families that APIs have for their keys. */
const OF_KEYS = /^x-(?:auth|client|user)(?:-[a-z0-9]+)*-(?:email|id|key|secret|token)$/;

/** Whether callers may set it, by a name in any case. */
export function mayBeSet(name: string): boolean {
  const lower = name.toLowerCase();
  return (ALLOWED.has(lower) || OF_APPLICATIONS.test(lower)) && !isOfProxies(lower);
}

/** Whether servers take it, by a name in small letters, for the word of a proxy. */
function isOfProxies(lower: string): boolean {
  return OF_PROXIES.test(lower);
}

/** Whether a service's settings may name it for what the platform adds itself. */
export function mayBeNamed(name: string): boolean {
  const lower = name.toLowerCase();
  return (
    !OF_HTTP.has(lower) && !OF_SERVERS.has(lower) && (!isOfProxies(lower) || OF_KEYS.test(lower))
  );
}
