import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "../http/context.ts";
import { Failure } from "../problems.ts";
import { enterTenant } from "./enter.ts";
import { doorOf } from "./host.ts";
import { platformCtx } from "./tenancy.ts";

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
