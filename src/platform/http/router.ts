import { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "./context.ts";

/** A router of endpoints: what a feature exports. Fill it with `mount`. */
export type Router = OpenAPIHono<AppEnv>;

export function createRouter(): Router {
  return new OpenAPIHono<AppEnv>();
}
