import { createRoute, OpenAPIHono, type z } from "@hono/zod-openapi";
import type { AppEnv } from "./context.ts";
import { describeEndpoint } from "./describe.ts";
import type { Access, Doors, Endpoint, Handling } from "./endpoint.ts";
import { runEndpoint } from "./run-endpoint.ts";

/** A router of endpoints: what a feature exports. Fill it with {@link mount}. */
export type Router = OpenAPIHono<AppEnv>;

export function createRouter(): Router {
  return new OpenAPIHono<AppEnv>();
}

/** Adds an endpoint to a router: its handler and its place in the OpenAPI document. */
export function mount<
  D extends Doors,
  A extends Access,
  Params extends z.ZodObject,
  Query extends z.ZodObject,
  Body extends z.ZodType,
  Out extends z.ZodType,
  Result,
>(
  router: Router,
  definition: Endpoint<D, A, Params, Query, Body, Out>,
  handling: Handling<D, A, Params, Query, Body, Out, Result>,
): void {
  router.openAPIRegistry.registerPath(createRoute(describeEndpoint(definition)));
  const pattern = definition.path.replaceAll(/\{(\w+)\}/g, ":$1");
  router.on(definition.method.toUpperCase(), pattern, (c) => runEndpoint(c, definition, handling));
}
