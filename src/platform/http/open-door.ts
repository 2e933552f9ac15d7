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
    const seat = c.get("seat");
    const door = doorOf(new URL(c.req.url).hostname, seat.settings.BASE_URL.hostname);
    if (door.kind === "unknown") throw new Failure("tenant-not-found");
    c.set("ctx", door.kind === "platform" ? platformCtx(seat) : await enterTenant(seat, door.slug));
    await next();
  };
}
