import { z } from "@hono/zod-openapi";
import { ID_PREFIXES, ID_SUFFIX, type IdKind } from "../ids.ts";

/** A TypeID of one kind, as in `user_01jdn2z7q5e8t9v0w1x2y3z4a5`. */
export function id(kind: IdKind) {
  const prefix = ID_PREFIXES[kind];
  return z
    .string()
    .regex(new RegExp(`^${prefix}_${ID_SUFFIX}$`), `is no ${prefix} id`)
    .openapi({ example: `${prefix}_01jdn2z7q5e8t9v0w1x2y3z4a5` });
}

/** Path parameters that hold one id. */
export function idParams(kind: IdKind) {
  return z.object({ id: id(kind).openapi({ param: { name: "id", in: "path" } }) });
}

/** ISO 8601, UTC. */
export const Time = z.iso.datetime().openapi({ example: "2026-11-21T09:30:00.000Z" });

/** Query parameters that every list takes. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(100).default(50).openapi({
    description: "Rows per page.",
    example: 50,
  }),
  cursor: z.string().max(2_000).optional().openapi({
    description: "`next_cursor` of the page before.",
  }),
};

/** A page of a list. */
export function pageOf<S extends z.ZodType>(item: S, name: string) {
  return z
    .object({
      data: z.array(item),
      next_cursor: z.string().nullable().describe("Null on the last page."),
    })
    .openapi(name);
}

/**
 * Text of a person: trimmed, without control characters, at most `max` characters. With `lines` it may
 * have newlines and tabs.
 */
export function text(max: number, { lines = false } = {}) {
  const allowed = lines ? NO_CONTROLS_BUT_LINES : NO_CONTROLS;
  const others = lines ? " other than newlines and tabs" : "";
  return (
    z
      .string()
      .trim()
      .min(1)
      .max(max)
      .regex(allowed, `must not hold control characters${others}`)
      // Said again, because the generator would put the flag into the pattern.
      .openapi({ pattern: allowed.source })
  );
}

const NO_CONTROLS = /^[^\p{Cc}\p{Cs}]*$/u;
const NO_CONTROLS_BUT_LINES = /^(?:[^\p{Cc}\p{Cs}]|[\t\n\r])*$/u;

/** A query parameter that is true or false: a boolean in the document, and to the code. */
export function queryFlag(description: string) {
  return z
    .enum(["true", "false"])
    .transform((value) => value === "true")
    .optional()
    .openapi({ type: "boolean", description, example: true });
}

/** Query parameters, and no others. */
export function strictQuery<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape);
}
