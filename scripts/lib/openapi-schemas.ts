/** Whether one JSON schema (2020-12, as OpenAPI 3.1 uses it) lets through all that another does. */
import { isDeepStrictEqual } from "node:util";

/** A JSON schema; what it holds is looked at with care. */
export type Schema = Readonly<Record<string, unknown>>;

/** A schema, and the document that its references lead into. */
export interface Side {
  readonly schema: unknown;
  readonly document: unknown;
}

/**
 * Who writes the values: `request` are a client's, checked by the server; `response` are the
 * server's, and clients let properties pass that they do not know.
 */
export type Direction = "request" | "response";

/** Say something to people, not to programs. */
const ANNOTATIONS =
  /^(\$comment|\$ref|title|description|examples?|default|deprecated|readOnly|writeOnly|x-.*)$/;

const HANDLED = /^(type|enum|const|properties|required|additionalProperties|items|anyOf)$/;

const LOWER = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const UPPER = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];

/**
 * What `given` lets through and `wanted` does not, one line each; empty when it is within. Keywords
 * that it does not know must be equal: it would rather find too much than too little.
 *
 * @param at where the schemas stand, as the lines begin
 */
export function outside(given: Side, wanted: Side, at: string, direction: Direction): string[] {
  const seen = new Set<string>();
  return compare(given.schema, wanted.schema, at);

  function compare(left: unknown, right: unknown, place: string): string[] {
    if (right === undefined || right === true) return [];
    const pair = JSON.stringify([refOf(left), refOf(right)]);
    if (refOf(left) && refOf(right)) {
      // A schema that holds itself: this pair is being compared already.
      if (seen.has(pair)) return [];
      seen.add(pair);
    }
    const lines = compareFlat(flat(left, given.document), flat(right, wanted.document), place);
    seen.delete(pair);
    return lines;
  }

  function compareFlat(a: Schema, b: Schema, place: string): string[] {
    if (b.anyOf) {
      const { anyOf, ...rest } = b;
      const options = list(anyOf).map((option) => ({ allOf: [rest, option] }));
      return alternatives(a).flatMap((one) =>
        options.some((option) => compare(one, option, place).length === 0)
          ? []
          : [`${place}: ${show(flat(one, given.document))} is none of its alternatives`],
      );
    }
    if (a.anyOf) return alternatives(a).flatMap((one) => compare(one, b, place));
    const wrongType = types(a, b, place);
    if (wrongType.length > 0) return wrongType;
    return [...values(a, b, place), ...limits(a, b, place), ...members(a, b, place)];
  }

  function members(a: Schema, b: Schema, place: string): string[] {
    const [mine, theirs] = [record(a.properties), record(b.properties)];
    const always = list(a.required);
    const missing = list(b.required).filter((name) => !always.includes(name));
    const lines = missing.map((name) =>
      direction === "request"
        ? `${place}/${name}: must now be sent`
        : `${place}/${name}: is no longer always there`,
    );
    for (const [name, property] of Object.entries(mine)) {
      if (name in theirs) lines.push(...compare(property, theirs[name], `${place}/${name}`));
      else if (b.additionalProperties === false && direction === "request")
        lines.push(`${place}/${name}: is no longer accepted`);
      else if (typeof b.additionalProperties === "object")
        lines.push(...compare(property, b.additionalProperties, `${place}/${name}`));
    }
    for (const name of Object.keys(theirs)) {
      if (direction === "response" && !(name in mine) && !missing.includes(name))
        lines.push(`${place}/${name}: is gone`);
    }
    return [...lines, ...others(a, b, place)];
  }

  /** Elements, and properties without a name of their own. */
  function others(a: Schema, b: Schema, place: string): string[] {
    const lines = b.items === undefined ? [] : compare(a.items ?? {}, b.items, `${place}/[]`);
    const closed = a.additionalProperties === false;
    if (b.additionalProperties === false && !closed && direction === "request" && isObject(a))
      lines.push(`${place}: no longer accepts other properties`);
    if (typeof b.additionalProperties === "object" && !closed && isObject(a))
      lines.push(...compare(a.additionalProperties ?? {}, b.additionalProperties, `${place}/*`));
    return lines;
  }

  function limits(a: Schema, b: Schema, place: string): string[] {
    const lines: string[] = [];
    for (const [name, limit] of Object.entries(b)) {
      if (ANNOTATIONS.test(name) || HANDLED.test(name)) continue;
      const [own, other] = [a[name], limit] as [number | undefined, number];
      const within =
        isDeepStrictEqual(own, other) ||
        (own !== undefined && LOWER.includes(name) && own >= other) ||
        (own !== undefined && UPPER.includes(name) && own <= other);
      // Fixed values were looked at one by one.
      if (!within && !valuesOf(a))
        lines.push(`${place}: ${name} ${show(own)} against ${show(limit)}`);
    }
    if (direction === "request" && "default" in a && !isDeepStrictEqual(a.default, b.default))
      lines.push(`${place}: default ${show(a.default)} became ${show(b.default)}`);
    return lines;
  }
}

function types(a: Schema, b: Schema, place: string): string[] {
  if (b.type === undefined) return [];
  const wide = list(b.type);
  const fits = (type: unknown) =>
    wide.includes(type) || (type === "integer" && wide.includes("number"));
  if (a.type !== undefined && list(a.type).every(fits)) return [];
  return [`${place}: type ${show(a.type)} against ${show(b.type)}`];
}

function values(a: Schema, b: Schema, place: string): string[] {
  const [own, allowed] = [valuesOf(a), valuesOf(b)];
  if (!allowed) return [];
  if (!own) return [`${place}: any value against ${show(allowed)}`];
  const extra = own.filter((value) => !allowed.some((one) => isDeepStrictEqual(one, value)));
  return extra.map((value) => `${place}: ${show(value)} is not among ${show(allowed)}`);
}

function valuesOf(schema: Schema): unknown[] | undefined {
  return "const" in schema ? [schema.const] : (schema.enum as unknown[] | undefined);
}

/** The schema without references and `allOf`, `oneOf` as `anyOf`. */
function flat(schema: unknown, document: unknown): Schema {
  const { allOf, oneOf, ...own } = record(resolve(schema, document));
  const base: Record<string, unknown> = oneOf ? { ...own, anyOf: oneOf } : own;
  return list(allOf)
    .map((part) => flat(part, document))
    .reduce(merge, base);
}

function merge(a: Schema, b: Schema): Schema {
  return {
    ...a,
    ...b,
    ...(a.properties || b.properties
      ? { properties: { ...record(a.properties), ...record(b.properties) } }
      : {}),
    ...(a.required || b.required ? { required: [...list(a.required), ...list(b.required)] } : {}),
  };
}

/** The cases of a schema, each of which may be let through by another alternative. */
function alternatives(schema: Schema): unknown[] {
  const { anyOf, ...rest } = schema;
  if (anyOf) return list(anyOf).map((option) => ({ allOf: [rest, option] }));
  return Array.isArray(schema.type) ? schema.type.map((type) => ({ ...schema, type })) : [schema];
}

/** What a `$ref` names; anything else as it is. */
export function resolve(node: unknown, document: unknown): unknown {
  const ref = refOf(node);
  if (!ref) return node;
  const path = ref.replace(/^#\//, "").split("/");
  const target = path.reduce<unknown>((parent, key) => record(parent)[unescaped(key)], document);
  if (target === undefined) throw new Error(`The document has nothing at ${ref}.`);
  return resolve(target, document);
}

/** RFC 6901. */
function unescaped(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}

function refOf(node: unknown): string | undefined {
  return record(node).$ref as string | undefined;
}

function isObject(schema: Schema): boolean {
  return schema.type === undefined || list(schema.type).includes("object");
}

export function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

export function list(value: unknown): unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

function show(value: unknown): string {
  return value === undefined ? "none" : JSON.stringify(value);
}
