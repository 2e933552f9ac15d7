import type { AppContext } from "../../platform/http/context.ts";
import { isFresh } from "../../platform/http/etag.ts";
import { createRouter, type Router } from "../../platform/http/router.ts";
import type { Registry } from "./document.ts";
import { createDocuments } from "./documents.ts";
import { referencePage, SCRIPT_PATH } from "./page.ts";

/** Where the systems before this one had their references. */
const MOVED = {
  "/api/docs": "/docs",
  "/api/redoc": "/docs",
  "/api/v1/docs": "/docs",
  "/api/v1/redoc": "/docs",
  "/api/schema": "/openapi.json",
  "/api/v1/openapi.json": "/openapi.json",
};

/** Its name among the assets: see `[assets]` in wrangler.toml. */
const BUNDLE = "/standalone.js";

/** The OpenAPI document, the page that shows it, and the old ways there; on every door. */
export function createReference(registry: Registry): Router {
  const router = createRouter();
  const documents = createDocuments(registry);
  router.get("/openapi.json", async (c) => {
    c.set("route", "/openapi.json");
    const scope = c.get("ctx").realm.slug === null ? "platform" : "tenant";
    const { text, tag } = await documents(scope, c.get("scope").settings.VERSION);
    const headers = { "content-type": "application/json", "cache-control": "no-cache", etag: tag };
    if (!isFresh(c.req.header("if-none-match"), tag)) return c.body(text, 200, headers);
    return c.body(null, 304, headers);
  });
  router.get("/docs", (c, next) => {
    c.set("route", "/docs");
    return referencePage(c, next);
  });
  router.get(SCRIPT_PATH, (c) => {
    c.set("route", SCRIPT_PATH);
    return bundle(c);
  });
  for (const [from, to] of Object.entries(MOVED)) {
    router.get(from, (c) => {
      c.set("route", from);
      return c.redirect(to, 301);
    });
  }
  return router;
}

/** The page's script. The same on every door; browsers ask whether theirs is still current. */
async function bundle(c: AppContext): Promise<Response> {
  const known = c.req.header("if-none-match");
  const asset = await c.env.ASSETS.fetch(new URL(BUNDLE, c.req.url), {
    headers: known === undefined ? {} : { "if-none-match": known },
  });
  // Its headers cannot be changed, and the security headers are still to come.
  return new Response(asset.body, asset);
}
