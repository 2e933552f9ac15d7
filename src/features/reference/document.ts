import { registerComponents } from "../../platform/http/describe-components.ts";
import { createRouter, type Router } from "../../platform/http/router.ts";
import { addBodyExamples } from "./examples.ts";
import { INTRODUCTION, TAGS } from "./texts.ts";

export type Registry = Router["openAPIRegistry"];
export type Document = ReturnType<Router["getOpenAPI31Document"]>;

/** Which door the document is for; `all` is what CI lints and compares. */
export type DocumentScope = "tenant" | "platform" | "all";

/** The OpenAPI 3.1 document of one door: what that door does not serve is left out. */
export function documentFor(registry: Registry, scope: DocumentScope, version: string): Document {
  const generator = createRouter();
  registerComponents(generator.openAPIRegistry);
  const tags = new Set<string>();
  for (const definition of registry.definitions) {
    if (definition.type !== "route" || !servedAt(definition.route, scope)) continue;
    generator.openAPIRegistry.registerPath(definition.route);
    for (const tag of definition.route.tags ?? []) tags.add(tag);
  }
  const document = generator.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Rowhouse",
      version,
      description: INTRODUCTION,
      license: { name: "MIT", url: "https://spdx.org/licenses/MIT.html" },
    },
    servers: [{ url: "/", description: "This door." }],
    tags: TAGS.filter(({ name }) => tags.has(name)),
    security: [{ bearer: [] }],
  });
  dropUnused(document, "examples");
  dropUnused(document, "headers");
  return addBodyExamples(document);
}

/** Each door meets some of the problems only. */
function dropUnused(document: Document, kind: "examples" | "headers"): void {
  const used = JSON.stringify(document.paths);
  const components = document.components?.[kind] ?? {};
  for (const name of Object.keys(components)) {
    if (!used.includes(`"#/components/${kind}/${name}"`)) delete components[name];
  }
}

function servedAt(route: object, scope: DocumentScope): boolean {
  const { "x-doors": doors } = route as { "x-doors"?: string };
  return scope === "all" || doors === "both" || doors === scope;
}
