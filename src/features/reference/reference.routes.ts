import type { OpenAPIHono } from "@hono/zod-openapi";
import { createRouter, type Router } from "../../platform/http/router.ts";
import { documentFor } from "./document.ts";

export function createReference(registry: OpenAPIHono["openAPIRegistry"]): Router {
  const router = createRouter();
  router.get("/openapi.json", (c) => {
    const { settings } = c.get("seat");
    const scope = c.get("ctx").realm.slug === null ? "platform" : "tenant";
    return c.json(documentFor(registry, scope, settings.VERSION));
  });
  return router;
}
