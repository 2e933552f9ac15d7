/** Types of two parts, such as GitHub's "pull_request.opened". */
import type { Scheme } from "./scheme.ts";

const DOT = ".";

/** `type` with its suffix where there is one. */
export function joinedType(type: string, suffix: string | null): string {
  return suffix === null ? type : `${type}${DOT}${suffix}`;
}

/** The reverse, for a scheme that has suffixes; others have their types whole. */
export function typeAndSuffix(
  scheme: Scheme,
  text: string,
): { readonly type: string; readonly suffix: string | null } {
  const dot = scheme.type.suffix === undefined ? -1 : text.indexOf(DOT);
  if (dot === -1) return { type: text, suffix: null };
  return { type: text.slice(0, dot), suffix: text.slice(dot + DOT.length) };
}
