import type { Document } from "./document.ts";

/** As much of a JSON schema as examples need. */
interface Schema {
  readonly $ref?: string;
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly allOf?: readonly Schema[];
}

/**
 * Gives every request body an example: its schema's own, or one made of its properties' examples,
 * so that an example stands in one place and "try it" starts with something that works.
 */
export function addBodyExamples(document: Document): Document {
  for (const item of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(item)) {
      const media = operation?.requestBody?.content?.["application/json"];
      const example = media && exampleOf(media.schema, document);
      if (example !== undefined) media.example ??= example;
    }
  }
  return document;
}

function exampleOf(schema: Schema, document: Document): unknown {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1) ?? "";
    return exampleOf((document.components?.schemas?.[name] ?? {}) as Schema, document);
  }
  if (schema.example !== undefined) return schema.example;
  if (schema.examples !== undefined) return schema.examples[0];
  if (schema.allOf !== undefined) {
    const parts = schema.allOf.map((part) => exampleOf(part, document));
    return Object.assign({}, ...parts.filter((part) => part !== undefined));
  }
  if (schema.properties === undefined) return undefined;
  const entries = Object.entries(schema.properties)
    .map(([name, property]) => [name, exampleOf(property, document)] as const)
    .filter(([, example]) => example !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
