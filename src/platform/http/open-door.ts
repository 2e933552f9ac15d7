import type { MiddlewareHandler } from "hono";
import { Failure } from "../problems.ts";
import { doorOf, enterTenant, platformCtx } from "../tenancy/index.ts";
import type { AppEnv } from "./context.ts";

/**
 * Finds whose door the request came to and opens that realm. The host decides, and nothing else:
 * `X-Forwarded-Host` is not read.
 */
export function openDoor(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const scope = c.get("scope");
    const door = doorOf(new URL(c.req.url).hostname, scope.settings.BASE_URL.hostname);
    if (door.kind === "unknown") throw new Failure("tenant-not-found");
    c.set(
      "ctx",
      door.kind === "platform" ? platformCtx(scope) : await enterTenant(scope, door.slug),
    );
    await next();
  };
}
