/** The API as its own OpenAPI document tells it: operations, and bodies that they would accept. */
import { call } from "./client.ts";

/** The part of JSON Schema that our documents use. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

export interface Operation {
  readonly method: string;
  /** As in the document, below the door's origin: `/api/v1/users/{id}`. */
  readonly path: string;
  readonly id: string;
  readonly isPublic: boolean;
  /** Statuses that the document names. */
  readonly statuses: readonly number[];
  /** Whether it takes any body whatever, signed by a service. */
  readonly isRaw: boolean;
  /** Fields of the JSON body; null when there is none, or it may be anything. */
  readonly fields: Readonly<Record<string, Schema>> | null;
  /** Query parameters. */
  readonly query: readonly string[];
  /** Its URL, where each parameter stands for the id of that name, or of that place. */
  url(origin: string, ids: Ids): string;
  /** A body with every field filled as the document's example does. */
  sample(): Record<string, unknown>;
}

/**
 * What parameters stand for: `slug` by its name; `id` by the path before it, such as
 * `webhooks/events`, or by its name.
 */
export type Ids = Readonly<Record<string, string>>;

/** All operations of a door. */
export async function operationsOf(origin: string): Promise<Operation[]> {
  const { json: document } = await call("GET", `${origin}/openapi.json`);
  const look = (schema: Schema): Schema => {
    if (schema.$ref) return look(resolve(document, schema.$ref));
    const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
    const properties = Object.assign({}, ...parts.map((part) => look(part).properties ?? {}));
    return { ...schema, properties: mapValues({ ...properties, ...schema.properties }, look) };
  };
  return Object.entries(document.paths as Paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => {
      const { schema, example } = operation.requestBody?.content["application/json"] ?? {};
      const isRaw = schema !== undefined && Object.keys(schema).length === 0;
      const fields = schema && !isRaw ? (formOf(look(schema), look).properties ?? {}) : null;
      return {
        method: method.toUpperCase(),
        path,
        id: operation.operationId,
        isPublic: operation.security?.length === 0,
        statuses: Object.keys(operation.responses).map(Number),
        isRaw,
        fields,
        query: (operation.parameters ?? []).flatMap((each) =>
          each.in === "query" ? each.name : [],
        ),
        url: (origin: string, ids: Ids) => origin + filled(path, ids),
        sample: () => mapValues(fields ?? {}, (field, name) => example?.[name] ?? sampleOf(field)),
      };
    }),
  );
}

/** Of a body that has one of several forms: the one with the most texts. */
function formOf(body: Schema, look: (schema: Schema) => Schema): Schema {
  const textsIn = ({ properties = {} }: Schema) =>
    Object.values(properties).filter(({ type }) => type?.includes("string")).length;
  const [form] = (body.oneOf ?? []).map(look).sort((one, other) => textsIn(other) - textsIn(one));
  return form ?? body;
}

type Paths = Record<
  string,
  Record<
    string,
    {
      operationId: string;
      security?: unknown[];
      parameters?: { name: string; in: string }[];
      requestBody?: {
        content: Record<string, { schema: Schema; example?: Record<string, unknown> }>;
      };
      responses: Record<string, unknown>;
    }
  >
>;

function filled(path: string, ids: Ids): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string, at: number) => {
    const place = path.slice(0, at - 1).replace("/api/v1/", "");
    return ids[place] ?? ids[name] ?? "none";
  });
}

function sampleOf(schema: Schema): unknown {
  const given = schema.example ?? schema.examples?.[0] ?? schema.default ?? schema.enum?.[0];
  if (given !== undefined) return given;
  const { properties = {} } = schema;
  if (Object.keys(properties).length > 0) return mapValues(properties, sampleOf);
  if (schema.type === "integer" || schema.type === "number") return schema.minimum ?? 1;
  if (schema.type === "boolean") return false;
  if (schema.format === "date-time") return "2026-11-21T09:30:00.000Z";
  return "text";
}

function resolve(document: object, reference: string): Schema {
  const steps = reference.replace(/^#\//, "").split("/");
  return steps.reduce<unknown>(
    (node, step) => (node as Record<string, unknown>)[step],
    document,
  ) as Schema;
}

function mapValues<V, W>(
  of: Readonly<Record<string, V>>,
  map: (value: V, key: string) => W,
): Record<string, W> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, map(value, key)]));
}
