/**
 * The fields that the stand-in of Cloudflare's API takes, held against those that Cloudflare publishes
 * (scripts/cloudflare-fields.ts writes them down): it takes no other, and wants all that are required.
 */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Fields } from "../../scripts/lib/cloudflare-types.ts";
import { ENDPOINTS } from "../support/cloudflare/endpoints.ts";
import { Metadata } from "../support/cloudflare/metadata.ts";
import published from "../support/cloudflare/published.json" with { type: "json" };

interface Schema {
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
}

/** Fields of a schema as the published ones are written down. */
function fieldsOf(schema: Schema): Fields {
  const { properties = {}, required = [], items, additionalProperties: values } = schema;
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].map(fieldsOf);
  const own = Object.entries(properties).flatMap(([name, below]) => [
    [name, required.includes(name)] as const,
    ...Object.entries(fieldsOf(below)).map(([inner, must]) => [`${name}.${inner}`, must] as const),
  ]);
  const known = variants.filter((fields) => Object.keys(fields).length > 0);
  const names = new Set(known.flatMap((fields) => Object.keys(fields)));
  return {
    ...Object.fromEntries([...names].map((name) => [name, known.every((it) => it[name])])),
    ...(items && fieldsOf(items)),
    ...(typeof values === "object" && fieldsOf(values)),
    ...Object.fromEntries(own),
  };
}

const taken = (schema: z.ZodType | undefined) =>
  schema ? fieldsOf(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Schema) : {};

/** The part of a form that is no file; a body that is a list is published under the name `body`. */
function bodyOf({ path, form, body }: (typeof ENDPOINTS)[number]): Fields {
  if (form) return path.endsWith("/upload") ? {} : taken(z.object({ metadata: Metadata }));
  return body instanceof z.ZodArray ? taken(z.object({ body })) : taken(body);
}

/** Taken all the same, since wrangler sends it: without it one page of queues would pass for all. */
const UNPUBLISHED = ["GET /accounts/*/queues: page"];

const calls: Record<string, { query: Fields; body: Fields }> = published.calls;
const UPLOADS = [
  "PUT /accounts/*/workers/scripts/*",
  "POST /accounts/*/workers/scripts/*/versions",
];

/** A Worker is uploaded in two ways, each published with a part of the metadata that both take. */
function publishedOf(call: string) {
  const found = calls[call];
  if (!found || !UPLOADS.includes(call)) return found;
  const optional = UPLOADS.flatMap((upload) => Object.keys(calls[upload]?.body ?? {}));
  const body = { ...Object.fromEntries(optional.map((name) => [name, false])), ...found.body };
  return { ...found, body };
}

const all = ENDPOINTS.filter(({ wranglerOnly }) => !wranglerOnly).map((endpoint) => {
  const call = `${endpoint.method} ${endpoint.path.replace(/:\w+/g, "*")}`;
  return {
    call,
    query: taken(endpoint.query),
    body: bodyOf(endpoint),
    published: publishedOf(call),
  };
});
const places = ["query", "body"] as const;

describe("the stand-in of Cloudflare's API", () => {
  it("knows no call that is not published", () => {
    expect(all.filter((each) => !each.published).map(({ call }) => call)).toEqual([]);
    expect(all.length).toBe(Object.keys(calls).length);
  });

  it("takes no field that is not published", () => {
    const unknown = all.flatMap(({ call, published: known, ...own }) =>
      places.flatMap((place) =>
        Object.keys(own[place])
          .filter((name) => !(name in (known?.[place] ?? {})))
          .map((name) => `${call}: ${name}`),
      ),
    );
    expect(unknown).toEqual(UNPUBLISHED);
    const count = all.flatMap(({ query, body }) => [...Object.keys(query), ...Object.keys(body)]);
    console.log(`${all.length} calls and ${count.length} fields, as in ${published.source}`);
  });

  it("wants every field that is required", () => {
    const spared = all.flatMap(({ call, published: known, ...own }) =>
      places.flatMap((place) =>
        Object.entries(known?.[place] ?? {})
          .filter(([name, isRequired]) => isRequired && isTaken(name, own[place]))
          .filter(([name]) => !own[place][name])
          .map(([name]) => `${call}: ${name}`),
      ),
    );
    expect(spared).toEqual([]);
  });
});

/** Whether somebody who sends what the stand-in takes could send this field, or leave it out. */
function isTaken(name: string, fields: Fields): boolean {
  const parent = name.split(".").slice(0, -1).join(".");
  return parent === "" ? Object.keys(fields).length > 0 : parent in fields;
}
