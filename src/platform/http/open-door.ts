import type { MiddlewareHandler } from "hono";
import type { TenantCtx } from "../context.ts";
import { passAddress } from "../limits/request-limits.ts";
import { Failure, type ProblemCode } from "../problems.ts";
import { doorOf, enterTenant, platformCtx, type RequestScope } from "../tenancy/index.ts";
import type { AppEnv } from "./context.ts";

/** Doors behind which nobody is, or not yet. */
const SHUT: readonly ProblemCode[] = ["tenant-not-found", "tenant-provisioning"];

/**
 * Finds whose door the request came to and opens that realm. The host decides, and nothing else:
 * `X-Forwarded-Host` is not read.
 */
export function openDoor(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const scope = c.get("scope");
    const door = doorOf(new URL(c.req.url).hostname, scope.settings.BASE_URL.hostname);
    if (door.kind === "unknown") throw await turnedAway(scope, new Failure("tenant-not-found"));
    c.set("ctx", door.kind === "platform" ? platformCtx(scope) : await enter(scope, door.slug));
    await next();
  };
}

async function enter(scope: RequestScope, slug: string): Promise<TenantCtx> {
  try {
    return await enterTenant(scope, slug);
  } catch (error) {
    const isShut = error instanceof Failure && SHUT.includes(error.code);
    throw isShut ? await turnedAway(scope, error) : error;
  }
}

/**
 * Whoever knocks at a shut door is held to the limit of the address. After the look-up, and with
 * nothing else: a provider calls many tenants from one address, one of whom may have left.
 * @throws Failure `quota-exceeded`
 */
async function turnedAway(scope: RequestScope, failure: Failure): Promise<Failure> {
  await passAddress(scope, ["anonymous"], { always: true });
  return failure;
}
