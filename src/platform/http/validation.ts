import type { z } from "@hono/zod-openapi";
import { Failure, type FieldError } from "../problems.ts";
import { messageOf } from "./messages.ts";

/** Invalid values named in one answer. */
const SHOWN = 20;

/**
 * Checks input against its schema.
 * @param prefix start of the pointers: empty for the body, `?` for query parameters
 * @throws Failure `validation-failed` with a pointer to each wrong value
 */
export function validate<S extends z.ZodType>(
  schema: S,
  input: unknown,
  prefix: "" | "?",
): z.output<S> {
  const parsed = schema.safeParse(input, { error: messageOf });
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) => fieldErrors(issue, prefix));
  throw new Failure("validation-failed", "Some values are not valid.", {
    errors: errors.slice(0, SHOWN),
  });
}

/**
 * The query parameters, each with its value.
 * @throws Failure `validation-failed` for one that is given twice: which of both is meant?
 */
export function onlyValues(query: Record<string, string[]>): Record<string, string | undefined> {
  const repeated = Object.keys(query).filter((name) => (query[name]?.length ?? 0) > 1);
  if (repeated.length === 0) {
    return Object.fromEntries(Object.entries(query).map(([name, [value]]) => [name, value]));
  }
  throw new Failure("validation-failed", "Some values are not valid.", {
    errors: repeated
      .slice(0, SHOWN)
      .map((name) => ({ pointer: `?${name}`, message: "is given more than once" })),
  });
}

function fieldErrors(issue: z.core.$ZodIssue, prefix: "" | "?"): FieldError[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      pointer: pointer([...issue.path, key], prefix),
      message: "is not known",
    }));
  }
  return [{ pointer: pointer(issue.path, prefix), message: issue.message }];
}

function pointer(path: readonly PropertyKey[], prefix: "" | "?"): string {
  if (prefix === "?") return `?${path.map(String).join(".")}`;
  return path
    .map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}
