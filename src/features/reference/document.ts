import { OpenAPIHono } from "@hono/zod-openapi";

type Registry = OpenAPIHono["openAPIRegistry"];
type Document = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

/** Which door the document is for; `all` is what CI lints and compares. */
export type DocumentScope = "tenant" | "platform" | "all";

const TAGS = [
  { name: "Sign-in", description: "Getting tokens, renewing them, giving them up." },
  { name: "Sessions", description: "Where the caller is signed in." },
  { name: "Registration", description: "How a company becomes a tenant." },
  { name: "Users", description: "The people of a tenant." },
  { name: "Tenant", description: "The tenant of this door." },
  { name: "Tenants", description: "All tenants, for operators." },
  { name: "Audit", description: "Who did what." },
  { name: "Service", description: "Whether the service is up, and where to look." },
];

/** The OpenAPI 3.1 document of one door: what that door does not serve is left out. */
export function documentFor(registry: Registry, scope: DocumentScope, version: string): Document {
  const generator = new OpenAPIHono();
  const served = registry.definitions.filter(
    (definition) => definition.type !== "route" || servedAt(definition.route, scope),
  );
  generator.openAPIRegistry.definitions.push(...served);
  return generator.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Rowhouse",
      version,
      description:
        "A multi-tenant API platform: every tenant has a database, a door and keys of its own. " +
        "Sign in, put the access token behind `Authorize`, and try it out.",
      license: { name: "MIT", url: "https://spdx.org/licenses/MIT.html" },
    },
    servers: [{ url: "/", description: "This door." }],
    tags: TAGS,
    security: [{ bearer: [] }],
  });
}

function servedAt(route: object, scope: DocumentScope): boolean {
  const { "x-doors": doors } = route as { "x-doors"?: string };
  return scope === "all" || doors === "both" || doors === scope;
}
