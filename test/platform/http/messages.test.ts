import { z } from "@hono/zod-openapi";
import { describe, expect, it } from "vitest";
import { text } from "../../../src/platform/http/schemas.ts";
import { validate } from "../../../src/platform/http/validation.ts";
import { Failure } from "../../../src/platform/problems.ts";

const Body = z.strictObject({
  name: text(5),
  note: text(9, { lines: true }),
  role: z.enum(["admin", "user"]),
  email: z.email(),
  count: z.int().min(1).max(9),
  tags: z.array(z.string()).min(2).max(3),
  at: z.iso.datetime(),
});

const GOOD = {
  name: "Ada",
  note: "a\r\n\tb",
  role: "user",
  email: "ada@acme.test",
  count: 1,
  tags: ["a", "b"],
  at: "2026-11-21T09:30:00Z",
};

/** What a caller is told of a body with these changes, by pointer. */
function told(changes: object): Record<string, string> {
  try {
    validate(Body, { ...GOOD, ...changes }, "");
    return {};
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const errors = error.options.errors ?? [];
    return Object.fromEntries(errors.map(({ pointer, message }) => [pointer, message]));
  }
}

describe("what a caller is told", () => {
  it("is nothing when all is well", () => {
    expect(told({})).toEqual({});
  });

  it.each([
    ["name", undefined, "is required"],
    ["name", 7, "must be of type string"],
    ["name", "", "must not be empty"],
    ["name", "Adelaide", "must have at most 5 characters"],
    ["name", "a\nb", "must not hold control characters"],
    ["note", "a\u0000", "must not hold control characters other than newlines and tabs"],
    ["note", "a\u0085", "must not hold control characters other than newlines and tabs"],
    ["count", Number("1e999"), "must be a finite number"],
    ["count", 1.5, "must be of type int"],
    ["role", "king", "must be one of: admin, user"],
    ["email", "ada", "is not a valid e-mail address"],
    ["count", 0, "must be at least 1"],
    ["count", 10, "must be at most 9"],
    ["tags", ["a"], "must have at least 2 items"],
    ["tags", ["a", "b", "c", "d"], "must have at most 3 items"],
    ["at", "yesterday", "is not a valid ISO 8601 time"],
    ["extra", 1, "is not known"],
  ])("of %s: %j is: %s", (field, value, message) => {
    expect(told({ [field]: value })).toEqual({ [`/${field}`]: message });
  });
});
