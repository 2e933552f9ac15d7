import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../http/context.ts";
import { rateLimitHeaders } from "./headers.ts";
import { passAddress } from "./request-limits.ts";

/** Tells on every answer, whatever it is, how the caller stands with the limits that were looked at. */
export function showLimits(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    const headers = rateLimitHeaders(c.get("scope").metLimits);
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
  };
}

/** Limits what is for everybody and no endpoint: pages, and paths where nothing is. */
export function limitStrangers(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await passAddress(c.get("ctx"), ["anonymous"]);
    await next();
  };
}
