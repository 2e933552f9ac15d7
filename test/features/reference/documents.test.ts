import { beforeAll, describe, expect, it } from "vitest";
import { createApp } from "../../../src/app.ts";
import { createDocuments } from "../../../src/features/reference/documents.ts";
import {
  call,
  newTenant,
  PLATFORM_ORIGIN,
  type Reply,
  type TestTenant,
} from "../../support/client.ts";

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into from many sides
type Any = any;

let tenant: TestTenant;
let tenantReply: Reply;
let platformReply: Reply;

beforeAll(async () => {
  tenant = await newTenant();
  tenantReply = await call("GET", `${tenant.origin}/openapi.json`);
  platformReply = await call("GET", `${PLATFORM_ORIGIN}/openapi.json`);
});

/** All operations, named `get /path`. */
function operations(document: Any): [string, Any][] {
  return Object.entries<Any>(document.paths).flatMap(([path, item]) =>
    Object.entries<Any>(item).map(([method, operation]): [string, Any] => [
      `${method} ${path}`,
      operation,
    ]),
  );
}

function namesIn(reply: Reply): string[] {
  return operations(reply.json).map(([name]) => name);
}

describe("each door's document", () => {
  it("is OpenAPI 3.1 of that door's own operations", () => {
    expect(tenantReply.status).toBe(200);
    expect(tenantReply.headers.get("content-type")).toBe("application/json");
    expect(tenantReply.json.openapi).toBe("3.1.0");
    expect(namesIn(tenantReply)).toContain("get /api/v1/users/{id}");
    expect(namesIn(tenantReply)).toContain("get /api/v1/tenants/current");
    expect(namesIn(platformReply)).toContain("post /api/v1/auth/register");
    expect(namesIn(platformReply)).toContain("post /api/v1/tenants/{id}/suspend");
    for (const both of ["post /api/v1/auth/login", "get /health", "get /.well-known/jwks.json"]) {
      expect(namesIn(tenantReply)).toContain(both);
      expect(namesIn(platformReply)).toContain(both);
    }
  });

  it("leaves out what only the other door serves, with its groups and examples", () => {
    expect(namesIn(tenantReply)).not.toContain("post /api/v1/auth/register");
    expect(namesIn(tenantReply)).not.toContain("get /api/v1/tenants");
    expect(namesIn(platformReply)).not.toContain("get /api/v1/users");
    expect(namesIn(platformReply)).not.toContain("get /api/v1/tenants/current");
    expect(tenantReply.text).not.toContain("Registration");
    expect(tenantReply.text).not.toContain("pool-exhausted");
    expect(platformReply.text).not.toContain("last-admin");
  });

  it("serves exactly what it lists", async () => {
    const doors = [
      [tenantReply, platformReply, tenant.origin],
      [platformReply, tenantReply, PLATFORM_ORIGIN],
    ] as const;
    for (const [own, other, origin] of doors) {
      const foreign = operations(other.json).filter(([name]) => !namesIn(own).includes(name));
      expect(foreign.length).toBeGreaterThan(3);
      for (const [name] of foreign) {
        const [method = "", path = ""] = name.split(" ");
        const reply = await call(method.toUpperCase(), origin + path.replaceAll(/[{}]/g, ""));
        expect(reply.status, name).toBe(404);
      }
      for (const [name, { security }] of operations(own.json)) {
        if (security.length === 0) continue;
        const [method = "", path = ""] = name.split(" ");
        const reply = await call(method.toUpperCase(), origin + path.replaceAll(/[{}]/g, ""));
        // An empty requirement means that a credential may be left out.
        const optional = security.some((each: Any) => Object.keys(each).length === 0);
        expect(reply.status, name).toBe(optional ? 200 : 401);
      }
    }
  });

  it("is a page's and a program's to revalidate", async () => {
    const etag = tenantReply.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect(platformReply.headers.get("etag")).not.toBe(etag);
    const url = `${tenant.origin}/openapi.json`;
    const again = await call("GET", url, { headers: { "if-none-match": etag } });
    expect([again.status, again.text]).toEqual([304, ""]);
    expect((await call("GET", url)).text).toBe(tenantReply.text);
  });

  it("is not there where no door is", async () => {
    const reply = await call("GET", "http://nobody-here.rowhouse.test/openapi.json");
    expect(reply.status).toBe(404);
  });
});

describe("each operation", () => {
  const all = () => [
    ...new Map([...operations(tenantReply.json), ...operations(platformReply.json)]).entries(),
  ];

  it("has an id of its own", () => {
    const ids = all().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(25);
  });

  it("belongs to a group that is explained", () => {
    for (const reply of [tenantReply, platformReply]) {
      const groups = reply.json.tags.map(({ name }: Any) => name);
      for (const [name, { tags }] of operations(reply.json)) {
        expect(tags, name).toHaveLength(1);
        expect(groups, name).toContain(tags[0]);
      }
    }
  });

  it("has an example of its body, with all that is required", () => {
    const schemaOf = (operation: Any) => operation.requestBody?.content["application/json"]?.schema;
    const bodies = all().filter(([, operation]) => schemaOf(operation)?.$ref);
    expect(bodies.length).toBeGreaterThan(8);
    // What others write has no schema of ours.
    const raw = all().filter(([, operation]) => schemaOf(operation) && !schemaOf(operation).$ref);
    expect(raw.map(([name]) => name)).toEqual([
      "post /api/v1/webhooks/{service}",
      "post /api/v1/webhooks/{service}/batch",
    ]);
    const { schemas } = {
      schemas: { ...platformReply.json.components.schemas, ...tenantReply.json.components.schemas },
    };
    for (const [name, { requestBody }] of bodies) {
      const { example, schema } = requestBody.content["application/json"];
      const named = (of: Any) => schemas[of.$ref.split("/").at(-1)];
      // Where a body has one of several forms, the example is of the one that has all its names.
      const forms: Any[] = named(schema).oneOf?.map(named) ?? [named(schema)];
      const names = Object.keys(example);
      const form = forms.find(({ properties }) => names.every((each) => each in properties));
      expect(form, name).toBeDefined();
      expect(names, name).toEqual(expect.arrayContaining(form.required ?? []));
    }
  });

  it("documents its errors as problems, each with an example", () => {
    for (const reply of [tenantReply, platformReply]) {
      for (const [name, { responses }] of operations(reply.json)) {
        const errors = Object.entries<Any>(responses).filter(([status]) => Number(status) >= 400);
        expect(errors.length, name).toBeGreaterThan(0);
        expect(Object.keys(responses), name).toContain("500");
        for (const [status, { content, headers }] of errors) {
          const { schema, examples } = content["application/problem+json"];
          expect(schema, name).toEqual({ $ref: "#/components/schemas/Problem" });
          expect(headers, name).toHaveProperty("X-Request-ID");
          for (const code of Object.keys(examples)) {
            expect(reply.json.components.examples[code].value.status).toBe(Number(status));
          }
        }
      }
    }
  });

  it("says what it asks of the caller", () => {
    const found = Object.fromEntries(all());
    expect(found["get /api/v1/users"]).toMatchObject({
      "x-permission": "users:read",
      "x-doors": "tenant",
      security: [{ bearer: [] }],
    });
    expect(found["get /api/v1/users"].description).toContain("`users:read`: admin, manager");
    expect(found["post /api/v1/auth/login"].security).toEqual([]);
    expect(found["post /api/v1/auth/login"]).not.toHaveProperty("x-permission");
    expect(tenantReply.json.components.securitySchemes.bearer.scheme).toBe("bearer");
  });

  it("refers to nothing that is not there", () => {
    for (const { json, text } of [tenantReply, platformReply]) {
      const refs = new Set(
        [...text.matchAll(/"\$ref":"#\/components\/([^"]+)"/g)].map(([, ref]) => ref),
      );
      expect(refs.size).toBeGreaterThan(20);
      for (const ref of refs) {
        const [kind = "", name = ""] = (ref ?? "").split("/");
        expect(json.components[kind], ref).toHaveProperty([name]);
      }
    }
  });
});

describe("a document that is kept", () => {
  const registry = createApp().openAPIRegistry;

  it("is that of its own scope and version", async () => {
    const documents = createDocuments(registry);
    const seen = [];
    for (const [scope, version] of [
      ["tenant", "1"],
      ["tenant", "2"],
      ["platform", "1"],
      ["tenant", "1"],
    ] as const) {
      const { text } = await documents(scope, version);
      seen.push([JSON.parse(text).info.version, text.includes("/api/v1/auth/register")]);
    }
    expect(seen).toEqual([
      ["1", false],
      ["2", false],
      ["1", true],
      ["1", false],
    ]);
  });

  it("is made once, and no request waits for another's promise", async () => {
    const documents = createDocuments(registry);
    const [first, second] = [documents("all", "1"), documents("all", "1")];
    expect(first).not.toBe(second);
    await Promise.all([first, second]);
    expect(await documents("all", "1")).toBe(await documents("all", "1"));
  });
});
