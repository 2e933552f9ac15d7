import type { OpenAPIHono } from "@hono/zod-openapi";
import { Failure } from "../problems.ts";
import type { AppContext, AppEnv } from "./context.ts";

/**
 * Tells an unknown path (404) from a known one with another method (405 with `Allow`, RFC 9110,
 * section 15.5.6).
 */
export function createNotFound(app: OpenAPIHono<AppEnv>): (c: AppContext) => never {
  const routes = app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => ({ method, pattern: patternOf(path) }));
  return (c) => {
    const methods = routes.flatMap(({ method, pattern }) =>
      pattern.test(c.req.path) ? method : [],
    );
    if (methods.length === 0) throw new Failure("not-found", "There is nothing at this path.");
    const allow = [
      ...new Set([...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"]),
    ];
    throw new Failure("method-not-allowed", undefined, { headers: { allow: allow.join(", ") } });
  };
}

function patternOf(path: string): RegExp {
  const source = path
    .split("/")
    .map((part) => (part.startsWith(":") ? "[^/]+" : RegExp.escape(part)))
    .join("/");
  return new RegExp(`^${source}/?$`);
}
