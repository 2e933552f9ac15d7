import { Failure, type FieldError } from "../problems.ts";

/** What a caller may say to a service. Anything else is the connection's, the platform's or a risk. */
const ALLOWED: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "cache-control",
  "content-language",
  "content-type",
  "idempotency-key",
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
/** By these servers are told who called, whom, or how: only a proxy of theirs may say so. */
const OF_PROXIES =
  /^x-(?:(?:accel|appengine|azure|envoy|forwarded|original|originating|proxy|real|remote|rewrite)(?:-.*)?|http-method.*|method-override|(?:cluster-)?client-ip|host)$/;
/**
 * RFC 9110, section 5.5: ASCII without controls but the tab. Of other letters the runtime makes UTF-8,
 * which few expect, and complains on the console with the value.
 */
const VALUE = /^[\t\u0020-\u007e]*$/;
/** Longest value of a header in characters, and most headers of one call. */
const LONGEST = 4_096;
const MOST = 50;

/**
 * The headers of a call, from those that a caller gave.
 * @throws Failure `validation-failed` with the pointer of each header that cannot be sent
 */
export function requestHeaders(given: Readonly<Record<string, string>>): Headers {
  const headers = new Headers();
  const errors: FieldError[] = [];
  const entries = Object.entries(given);
  if (entries.length > MOST) {
    errors.push({ pointer: "/headers", message: `must be at most ${MOST} headers` });
  }
  for (const [name, value] of entries) {
    const message = headers.has(safe(name)) ? "must be given once" : headerFault(name, value);
    if (message === null) headers.set(name, value);
    else errors.push({ pointer: pointerTo(name), message });
  }
  if (errors.length > 0) throw new Failure("validation-failed", undefined, { errors });
  return headers;
}

function headerFault(name: string, value: string): string | null {
  const lower = name.toLowerCase();
  const isAllowed = ALLOWED.has(lower) || OF_APPLICATIONS.test(lower);
  if (!isAllowed || OF_PROXIES.test(lower)) return "must be a header that callers may set";
  if (!VALUE.test(value)) return "must be ASCII without control characters";
  return value.length > LONGEST ? `must have at most ${LONGEST} characters` : null;
}

/** `Headers` throws when it is asked for what can be no name. */
function safe(name: string): string {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(name) ? name : "-";
}

function pointerTo(name: string): string {
  return `/headers/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
