import { describe, expect, it } from "vitest";
import { breaksBetween } from "../../scripts/lib/openapi-breaks.ts";
import { judge } from "../../scripts/lib/openapi-update.ts";

// biome-ignore lint/suspicious/noExplicitAny: documents are changed in many places
type Any = any;

const PET = {
  type: "object",
  properties: {
    id: { type: "string" },
    name: { type: ["string", "null"] },
    kind: { type: "string", enum: ["cat", "dog"] },
    age: { type: "integer", minimum: 0 },
    parent: { $ref: "#/components/schemas/Pet" },
  },
  required: ["id", "name", "kind"],
};

const NEW_PET = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1, maxLength: 20 },
    kind: { enum: ["cat", "dog"] },
    tags: { type: "array", items: { type: ["string", "number"] } },
    note: { anyOf: [{ type: "string" }, { type: "null" }] },
  },
  required: ["name"],
  additionalProperties: false,
};

/** A document, changed by `change`. */
function documentWith(change: (document: Any) => void = () => {}): Any {
  const json = (schema: string, rest = {}) => ({
    content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } },
    ...rest,
  });
  const document = {
    openapi: "3.1.0",
    security: [{ bearer: [] }],
    paths: {
      "/pets": {
        get: {
          operationId: "listPets",
          security: [],
          "x-doors": "both",
          parameters: [
            { in: "query", name: "limit", schema: { type: "integer", maximum: 100, default: 50 } },
            { in: "query", name: "kind", schema: { type: "string" } },
          ],
          responses: { 200: json("Pets"), 404: json("Problem") },
        },
        post: {
          operationId: "createPet",
          "x-doors": "tenant",
          requestBody: json("NewPet"),
          responses: { 201: json("Pet", { headers: { ETag: {} } }), 422: json("Problem") },
        },
      },
    },
    components: {
      schemas: {
        Pet: PET,
        NewPet: NEW_PET,
        Pets: {
          allOf: [
            { $ref: "#/components/schemas/Page" },
            {
              properties: { data: { type: "array", items: { $ref: "#/components/schemas/Pet" } } },
              required: ["data"],
            },
          ],
        },
        Page: { type: "object", properties: { next: { type: "string" } }, required: ["next"] },
        Problem: { type: "object", properties: { status: { type: "integer" } } },
      },
    },
  };
  const copy = structuredClone(document);
  change(copy);
  return copy;
}

const pet = (d: Any) => d.components.schemas.Pet;
const newPet = (d: Any) => d.components.schemas.NewPet;
const get = (d: Any) => d.paths["/pets"].get;
const post = (d: Any) => d.paths["/pets"].post;

type Case = [name: string, change: (document: Any) => void, line: string];

const BREAKS: Case[] = [
  ["a path is gone", (d) => delete d.paths["/pets"], "GET /pets: is gone"],
  ["a method is gone", (d) => delete d.paths["/pets"].post, "POST /pets: is gone"],
  ["a success is gone", (d) => delete get(d).responses[200], "GET /pets: 200: is gone"],
  [
    "a header is gone",
    (d) => delete post(d).responses[201].headers.ETag,
    "POST /pets: 201: header ETag is gone",
  ],
  [
    "an operation is renamed",
    (d) => (get(d).operationId = "pets"),
    "GET /pets: operationId listPets became pets",
  ],
  ["a credential is needed", (d) => delete get(d).security, "GET /pets: now needs a credential"],
  [
    "a door is closed",
    (d) => (get(d)["x-doors"] = "platform"),
    "GET /pets: is now on the platform door only",
  ],
  [
    "a parameter is gone",
    (d) => get(d).parameters.pop(),
    "GET /pets: parameter kind (query) is gone",
  ],
  [
    "a parameter is needed",
    (d) => (get(d).parameters[1].required = true),
    "GET /pets: parameter kind (query) must now be sent",
  ],
  [
    "a new parameter is needed",
    (d) => get(d).parameters.push({ in: "header", name: "X", required: true }),
    "GET /pets: parameter x (header) must now be sent",
  ],
  [
    "a parameter is narrowed",
    (d) => (get(d).parameters[0].schema.maximum = 10),
    "GET /pets: parameter limit (query): maximum 100 against 10",
  ],
  [
    "a default is another",
    (d) => (get(d).parameters[0].schema.default = 10),
    "GET /pets: parameter limit (query): default 50 became 10",
  ],
  [
    "a body is needed",
    (d) => (post(d).requestBody.required = true),
    "POST /pets: request: a body must now be sent",
  ],
  [
    "a media type is gone",
    (d) => delete post(d).requestBody.content["application/json"],
    "POST /pets: request: application/json is gone",
  ],
  [
    "a new property must be sent",
    (d) => {
      newPet(d).properties.x = {};
      newPet(d).required.push("x");
    },
    "POST /pets: request/x: must now be sent",
  ],
  [
    "a property must be sent",
    (d) => newPet(d).required.push("kind"),
    "POST /pets: request/kind: must now be sent",
  ],
  [
    "a property is not accepted",
    (d) => delete newPet(d).properties.kind,
    "POST /pets: request/kind: is no longer accepted",
  ],
  [
    "a value is not accepted",
    (d) => newPet(d).properties.kind.enum.pop(),
    'POST /pets: request/kind: "dog" is not among ["cat"]',
  ],
  [
    "values are listed",
    (d) => (newPet(d).properties.name.enum = ["Tom"]),
    'POST /pets: request/name: any value against ["Tom"]',
  ],
  [
    "a limit is lowered",
    (d) => (newPet(d).properties.name.maxLength = 5),
    "POST /pets: request/name: maxLength 20 against 5",
  ],
  [
    "a limit is raised",
    (d) => (newPet(d).properties.name.minLength = 5),
    "POST /pets: request/name: minLength 1 against 5",
  ],
  [
    "a pattern is new",
    (d) => (newPet(d).properties.name.pattern = "^a"),
    'POST /pets: request/name: pattern none against "^a"',
  ],
  [
    "a type is not accepted",
    (d) => (newPet(d).properties.tags.items.type = "string"),
    'POST /pets: request/tags/[]: type ["string","number"] against "string"',
  ],
  [
    "an alternative is not accepted",
    (d) => newPet(d).properties.note.anyOf.pop(),
    'POST /pets: request/note: {"type":"null"} is none of its alternatives',
  ],
  [
    "an answer's property is gone",
    (d) => delete pet(d).properties.age,
    "POST /pets: 201/age: is gone",
  ],
  [
    "an answer's property may be missing",
    (d) => pet(d).required.shift(),
    "POST /pets: 201/id: is no longer always there",
  ],
  [
    "an answer may be null",
    (d) => (pet(d).properties.id.type = ["string", "null"]),
    'POST /pets: 201/id: type ["string","null"] against "string"',
  ],
  [
    "an answer has another type",
    (d) => (pet(d).properties.age.type = "string"),
    'POST /pets: 201/age: type "string" against "integer"',
  ],
  [
    "an answer has a new value",
    (d) => pet(d).properties.kind.enum.push("cow"),
    'POST /pets: 201/kind: "cow" is not among ["cat","dog"]',
  ],
  [
    "a page loses what it extends",
    (d) => (d.components.schemas.Page.required = []),
    "GET /pets: 200/next: is no longer always there",
  ],
  [
    "an element changes",
    (d) => delete pet(d).properties.age,
    "GET /pets: 200/data/[]/age: is gone",
  ],
  [
    "an error's body changes",
    (d) => (d.components.schemas.Problem.properties = {}),
    "GET /pets: 404/status: is gone",
  ],
];

const HARMLESS: [name: string, change: (document: Any) => void][] = [
  ["nothing", () => {}],
  ["a new operation", (d) => (d.paths["/more"] = d.paths["/pets"])],
  ["another door", (d) => (post(d)["x-doors"] = "both")],
  ["no credential needed", (d) => (post(d).security = [])],
  ["an optional parameter", (d) => get(d).parameters.push({ in: "query", name: "x", schema: {} })],
  ["parameters in another order", (d) => get(d).parameters.reverse()],
  ["a wider parameter", (d) => (get(d).parameters[0].schema.maximum = 500)],
  ["an error that is not met any more", (d) => delete get(d).responses[404]],
  ["a new error", (d) => (get(d).responses[429] = get(d).responses[404])],
  ["another description", (d) => (pet(d).description = "A pet")],
  ["an optional property", (d) => (newPet(d).properties.x = { type: "string" })],
  ["a property that need not be sent", (d) => (newPet(d).required = [])],
  ["a wider type", (d) => (newPet(d).properties.name.type = ["string", "null"])],
  ["a wider element", (d) => (newPet(d).properties.tags.items.type = ["string", "number", "null"])],
  ["a new accepted value", (d) => newPet(d).properties.kind.enum.push("cow")],
  ["no limit", (d) => delete newPet(d).properties.name.maxLength],
  ["another alternative", (d) => newPet(d).properties.note.anyOf.push({ type: "integer" })],
  [
    "alternatives as a list of types",
    (d) => (newPet(d).properties.note = { type: ["null", "string"] }),
  ],
  ["other properties accepted", (d) => delete newPet(d).additionalProperties],
  [
    "a new property in an answer",
    (d) => {
      pet(d).properties.x = {};
      pet(d).required.push("x");
    },
  ],
  ["a property that is always there", (d) => pet(d).required.push("age")],
  ["never null", (d) => (pet(d).properties.name.type = "string")],
  ["a value that is not met any more", (d) => pet(d).properties.kind.enum.pop()],
  ["narrower answers", (d) => (pet(d).properties.age.minimum = 1)],
  [
    "another name of a schema",
    (d) => {
      d.components.schemas.Creature = PET;
      post(d).responses[201].content["application/json"].schema.$ref =
        "#/components/schemas/Creature";
    },
  ],
  [
    "a schema written out",
    (d) => (post(d).requestBody.content["application/json"].schema = NEW_PET),
  ],
];

describe("breaks between documents", () => {
  it.each(BREAKS)("%s", (_, change, line) => {
    expect(breaksBetween(documentWith(), documentWith(change))).toContain(line);
  });

  it.each(HARMLESS)("not: %s", (_, change) => {
    expect(breaksBetween(documentWith(), documentWith(change))).toEqual([]);
  });

  it("does not overlook a reference that leads nowhere", () => {
    const broken = documentWith((d) => delete d.components.schemas.Pet);
    expect(() => breaksBetween(documentWith(), broken)).toThrow("#/components/schemas/Pet");
  });
});

describe("replacing the document", () => {
  const before = JSON.stringify(documentWith());
  const broken = JSON.stringify(documentWith((d) => delete d.paths["/pets"].post));

  it("is free where nobody is broken, or nothing was promised", () => {
    expect(judge(before, before, undefined, "2026-11-21")).toEqual({ breaks: [], allowed: true });
    expect(judge(undefined, broken, undefined, "2026-11-21")).toEqual({
      breaks: [],
      allowed: true,
    });
  });

  it("needs a reason for a break, and notes it", () => {
    for (const reason of [undefined, "", "  "]) {
      expect(judge(before, broken, reason, "2026-11-21")).toEqual({
        breaks: ["POST /pets: is gone"],
        allowed: false,
      });
    }
    expect(judge(before, broken, "no pets any more", "2026-11-21")).toMatchObject({
      allowed: true,
      entry: "\n## 2026-11-21: no pets any more\n\n- `POST /pets: is gone`\n",
    });
  });
});
