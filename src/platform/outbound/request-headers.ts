import { Failure, type FieldError } from "../problems.ts";
import { mayBeSet } from "./header-names.ts";

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
    throw refused([{ pointer: "/headers", message: `must be at most ${MOST} headers` }]);
  }
  for (const [name, value] of entries) {
    const message = headers.has(safe(name)) ? "must be given once" : headerFault(name, value);
    if (message === null) headers.set(name, value);
    else errors.push({ pointer: pointerTo(name), message });
  }
  if (errors.length > 0) throw refused(errors);
  return headers;
}

function headerFault(name: string, value: string): string | null {
  if (!mayBeSet(name)) return "must be a header that callers may set";
  if (!VALUE.test(value)) return "must be ASCII without control characters";
  return value.length > LONGEST ? `must have at most ${LONGEST} characters` : null;
}

/** `Headers` throws when it is asked for what can be no name. */
function safe(name: string): string {
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(name) ? name : "-";
}

function refused(errors: readonly FieldError[]): Failure {
  return new Failure("validation-failed", undefined, { errors });
}

function pointerTo(name: string): string {
  return `/headers/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
