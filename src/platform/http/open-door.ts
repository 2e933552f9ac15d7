import type { MiddlewareHandler } from "hono";
import { routeOf } from "../cells/cell-door.ts";
import { ROUTE_HEADER } from "../cells/own-headers.ts";
import type { Ctx } from "../context.ts";
import { passAddress } from "../limits/request-limits.ts";
import { Failure, type ProblemCode } from "../problems.ts";
import {
  doorOf,
  enterByRoute,
  enterTenant,
  forgetRoute,
  platformCtx,
  type RequestScope,
} from "../tenancy/index.ts";
import type { AppEnv } from "./context.ts";

/** Doors behind which nobody is, or not yet. */
const SHUT: readonly ProblemCode[] = ["tenant-not-found", "tenant-provisioning"];

/**
 * Finds whose door the request came to and opens that realm. The router says so, with a door that leads
 * to one tenant; without a router the host decides, and nothing else: `X-Forwarded-Host` is not read.
 */
export function openDoor(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const scope = c.get("scope");
    const route = routeOf(c.req.raw);
    const ctx = await orTurnedAway(scope, () =>
      route ? enterByRoute(scope, route) : enterByHost(scope, new URL(c.req.url).hostname),
    );
    c.set("ctx", ctx);
    await next();
    // The door was open, and behind it the house says that it is being moved: the way here is old.
    if (c.error instanceof Failure && c.error.code === "tenant-provisioning") {
      forgetRoute(ctx.realm.slug ?? "");
      if (route) c.header(ROUTE_HEADER, "stale");
    }
  };
}

async function enterByHost(scope: RequestScope, hostname: string): Promise<Ctx> {
  const door = doorOf(hostname, scope.settings.BASE_URL.hostname);
  if (door.kind === "unknown") throw new Failure("tenant-not-found");
  return door.kind === "platform" ? platformCtx(scope) : enterTenant(scope, door.slug);
}

/**
 * Whoever knocks at a shut door is held to the limit of the address. After the look-up, and with
 * nothing else: a provider calls many tenants from one address, one of whom may have left.
 * @throws Failure `quota-exceeded`
 */
async function orTurnedAway(scope: RequestScope, enter: () => Promise<Ctx>): Promise<Ctx> {
  try {
    return await enter();
  } catch (error) {
    if (error instanceof Failure && SHUT.includes(error.code)) {
      await passAddress(scope, ["anonymous"], { always: true });
    }
    throw error;
  }
}
