import type { MiddlewareHandler } from "hono";
import type { TenantCtx } from "../context.ts";
import { failureGate } from "../limits/policies.ts";
import { noteFailure, requireFewFailures } from "../limits/request-limits.ts";
import { Failure } from "../problems.ts";
import { doorOf, enterTenant, platformCtx, type RequestScope } from "../tenancy/index.ts";
import type { AppEnv } from "./context.ts";

/**
 * Finds whose door the request came to and opens that realm. The host decides, and nothing else:
 * `X-Forwarded-Host` is not read. Hosts of nobody are failures of the address that asks for them.
 */
export function openDoor(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const scope = c.get("scope");
    const door = doorOf(new URL(c.req.url).hostname, scope.settings.BASE_URL.hostname);
    if (door.kind === "unknown") throw await noTenant(scope);
    c.set("ctx", door.kind === "platform" ? platformCtx(scope) : await enter(scope, door.slug));
    await next();
  };
}

/** Whoever has asked for too many hosts of nobody asks the registry for no more. */
async function enter(scope: RequestScope, slug: string): Promise<TenantCtx> {
  try {
    return await enterTenant(scope, slug, () => requireFewFailures(scope, failureGate(scope)));
  } catch (error) {
    const isNobody = error instanceof Failure && error.code === "tenant-not-found";
    throw isNobody ? await noTenant(scope) : error;
  }
}

async function noTenant(scope: RequestScope): Promise<Failure> {
  await noteFailure(scope, failureGate(scope));
  return new Failure("tenant-not-found");
}
