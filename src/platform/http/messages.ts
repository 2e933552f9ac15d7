import type { z } from "@hono/zod-openapi";

const FORMATS: Readonly<Record<string, string>> = {
  datetime: "ISO 8601 time",
  email: "e-mail address",
  url: "URL",
};

/**
 * What is wrong with a value, for whoever sent it. Where a schema has words of its own, those are
 * used instead.
 * @returns undefined for what zod says well enough
 */
export function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined) return "is required";
      // Parsed from 1e999.
      if (issue.expected === "number" && typeof issue.input === "number") {
        return "must be a finite number";
      }
      return `must be of type ${issue.expected}`;
    case "invalid_value":
      return `must be one of: ${issue.values.map(String).join(", ")}`;
    case "invalid_format":
      return `is not a valid ${FORMATS[issue.format] ?? issue.format}`;
    case "too_small":
      if (issue.origin === "string" && issue.minimum === 1) return "must not be empty";
      return `must ${measure(issue.origin, "at least", issue.minimum)}`;
    case "too_big":
      return `must ${measure(issue.origin, "at most", issue.maximum)}`;
    default:
      return undefined;
  }
}

function measure(origin: string, bound: string, limit: number | bigint): string {
  if (origin === "string") return `have ${bound} ${limit} characters`;
  if (origin === "array") return `have ${bound} ${limit} items`;
  return `be ${bound} ${limit}`;
}
