import { Failure } from "../problems.ts";

/** Servers on the way have been seen to decode twice; more often than this nobody does. */
const DECODINGS = 3;
const NO_ENCODING = "must be percent-encoded UTF-8";

/**
 * Base and path joined so that nothing leaves the base. The base's own query is not kept.
 * @param path begins with `/`; percent-encoding stays as it is
 * @throws Failure `validation-failed` with the pointer `/path`
 */
export function targetUrl(
  base: URL,
  path: string,
  query: Readonly<Record<string, string | readonly string[]>> = {},
): URL {
  const fault = pathFault(path);
  if (fault !== null) throw refused(fault);
  const url = new URL(base);
  const prefix = base.pathname.replace(/\/+$/, "");
  // Through the setter, which takes it for a path whatever stands in it.
  url.pathname = prefix + path;
  url.hash = "";
  url.search = "";
  for (const [name, value] of Object.entries(query)) {
    for (const one of typeof value === "string" ? [value] : value) {
      url.searchParams.append(name, one);
    }
  }
  // The checks above should leave nothing for this one.
  const isInside = url.origin === base.origin && url.pathname.startsWith(`${prefix}/`);
  if (!isInside) throw refused("must stay below the base URL");
  return url;
}

function pathFault(path: string): string | null {
  if (!path.startsWith("/")) return "must begin with /";
  if (!path.isWellFormed()) return "must be well-formed text";
  if (/[?#]/.test(path)) return "must not hold a query or a fragment";
  if (/%(?![0-9a-f]{2})/i.test(path)) return NO_ENCODING;
  let text = path;
  for (let nth = 0; nth <= DECODINGS; nth++) {
    const fault = textFault(text);
    if (fault !== null) return fault;
    const decoded = decode(text);
    if (decoded === null) return NO_ENCODING;
    if (decoded === text) return null;
    text = decoded;
  }
  return "must not be encoded over and over";
}

/** Looked for in the path as it is written, and in everything that decoding makes of it. */
function textFault(text: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) return "must not hold control characters";
  if (text.includes("\\")) return "must not hold backslashes";
  if (text.startsWith("//")) return "must not begin with //";
  // What follows a semicolon are parameters to some servers, and others drop spaces at the end of an
  // address: they then see a bare `..`.
  const segments = text.split("/").map((segment) => segment.replace(/;.*$/s, "").trim());
  const isClimbing = segments.some((segment) => segment === "." || segment === "..");
  return isClimbing ? "must not hold the segments . or .." : null;
}

/**
 * Each escape by itself: a percent sign that begins none stays one, and hides none after it.
 * @returns null when the bytes are no UTF-8
 */
function decode(text: string): string | null {
  try {
    return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, decodeURIComponent);
  } catch {
    return null;
  }
}

function refused(message: string): Failure {
  return new Failure("validation-failed", undefined, { errors: [{ pointer: "/path", message }] });
}
