import type { MiddlewareHandler } from "hono";
import { settingsOf } from "../../env.ts";
import { principalName } from "../access/principal.ts";
import type { AppContext, AppEnv } from "../http/context.ts";
import { newId } from "../ids.ts";
import { createTenancy } from "../tenancy/index.ts";
import { createLogger } from "./logger.ts";
import { createMeter } from "./meter.ts";
import { traceIdOf } from "./trace.ts";

/** An incoming request id is kept if it could be one of somebody's, and cannot break a log line. */
const REQUEST_ID = /^[\w.:-]{8,128}$/;

/**
 * The frame of every request: its id, logger, meter and seat on the way in, one log line on the
 * way out.
 */
export function requestLog(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const startedAt = Date.now();
    const incoming = c.req.header("x-request-id");
    const requestId = incoming && REQUEST_ID.test(incoming) ? incoming : newId("request");
    c.set("requestId", requestId);
    const settings = settingsOf(c.env);
    const log = createLogger(
      { level: settings.LOG_LEVEL, redaction: settings.LOG_REDACTION === "on" },
      { request_id: requestId, trace_id: traceIdOf(c.req.header("traceparent")) },
    );
    const meter = createMeter();
    c.set("log", log);
    c.set("meter", meter);
    const tenancy = createTenancy({
      env: c.env,
      settings,
      log,
      meter,
      readOnly: c.req.method === "GET" || c.req.method === "HEAD",
      bookmark: c.req.header("x-d1-bookmark") ?? null,
    });
    const request = {
      id: requestId,
      ip: c.req.header("cf-connecting-ip") ?? "unknown",
      userAgent: (c.req.header("user-agent") ?? "").slice(0, 256),
    };
    c.set("seat", { settings, tenancy, principal: { kind: "anonymous" }, request, log });
    await next();
    c.header("x-request-id", requestId);
    log.info("request", {
      method: c.req.method,
      ...realmFields(c),
      route: c.get("route") ?? null,
      status: c.res.status,
      duration_ms: Date.now() - startedAt,
      d1_trips: meter.tenantTrips,
      control_trips: meter.controlTrips,
    });
  };
}

function realmFields(c: AppContext) {
  const ctx = c.get("ctx") as AppContext["var"]["ctx"] | undefined;
  if (!ctx) return { tenant: null, principal: null };
  return { tenant: ctx.realm.slug, principal: principalName(ctx.principal) };
}
