import { breaksBetween } from "./openapi-breaks.ts";

/** What becomes of a document that replaces another. */
export interface Update {
  /** Why clients of the old one would break; empty when they would not. */
  readonly breaks: readonly string[];
  /** Whether the new one may take its place. */
  readonly allowed: boolean;
  /** For docs/api-breaks.md: what was broken on purpose, and why. */
  readonly entry?: string;
}

/**
 * Whether a document may replace the one that clients were promised.
 *
 * @param before text of the old one; undefined when there is none
 * @param reason why breaks are meant, if they are
 * @param day date of the entry, as in 2026-11-21
 */
export function judge(
  before: string | undefined,
  after: string,
  reason: string | undefined,
  day: string,
): Update {
  const breaks = before === undefined ? [] : breaksBetween(JSON.parse(before), JSON.parse(after));
  if (breaks.length === 0) return { breaks, allowed: true };
  const why = reason?.trim();
  if (!why) return { breaks, allowed: false };
  const lines = breaks.map((line) => `- \`${line}\``);
  return { breaks, allowed: true, entry: `\n## ${day}: ${why}\n\n${lines.join("\n")}\n` };
}
