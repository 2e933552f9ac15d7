import type { MiddlewareHandler } from "hono";
import { principalName } from "../access/principal.ts";
import { tripFields } from "../observe/meter.ts";
import type { AppContext, AppEnv } from "./context.ts";

/** One line per request, when its answer is ready. */
export function requestLog(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const startedAt = Date.now();
    await next();
    c.get("log").info("request", {
      method: c.req.method,
      ...realmFields(c),
      route: c.get("route") ?? null,
      status: c.res.status,
      duration_ms: Date.now() - startedAt,
      ...tripFields(c.get("meter")),
    });
  };
}

function realmFields(c: AppContext) {
  const ctx = c.get("ctx") as AppContext["var"]["ctx"] | undefined;
  if (!ctx) return { tenant: null, principal: null };
  return { tenant: ctx.realm.slug, principal: principalName(ctx.principal) };
}
