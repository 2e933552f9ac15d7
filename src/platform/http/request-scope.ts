import type { MiddlewareHandler } from "hono";
import { settingsOf } from "../../env.ts";
import { createQueues } from "../jobs/queues.ts";
import { createObjects } from "../objects.ts";
import { createLogger } from "../observe/logger.ts";
import { createMeter } from "../observe/meter.ts";
import { requestIdOf } from "../observe/request-id.ts";
import { traceIdOf } from "../observe/trace.ts";
import { createTenancy } from "../tenancy/index.ts";
import type { AppEnv } from "./context.ts";

/** Letters of a `User-Agent` that are kept. */
const USER_AGENT_LETTERS = 256;

/** What a request has from its first moment on: id, logger, meter and scope. */
export function requestScope(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const id = requestIdOf(c.req.header("x-request-id"));
    c.set("requestId", id);
    const settings = settingsOf(c.env);
    const log = createLogger(
      { level: settings.LOG_LEVEL, redaction: settings.LOG_REDACTION === "on" },
      { request_id: id, trace_id: traceIdOf(c.req.header("traceparent")) },
    );
    const meter = createMeter();
    c.set("log", log);
    c.set("meter", meter);
    const queues = createQueues(c.env, meter);
    const objects = createObjects(c.env, meter);
    const tenancy = createTenancy({
      env: c.env,
      settings,
      log,
      meter,
      queues,
      objects,
      readOnly: c.req.method === "GET" || c.req.method === "HEAD",
      bookmark: c.req.header("x-d1-bookmark") ?? null,
    });
    const request = {
      id,
      ip: c.req.header("cf-connecting-ip") ?? "unknown",
      userAgent: (c.req.header("user-agent") ?? "").slice(0, USER_AGENT_LETTERS),
    };
    c.set("scope", {
      settings,
      tenancy,
      queues,
      objects,
      metLimits: new Map(),
      principal: { kind: "anonymous" },
      request,
      log,
    });
    await next();
    c.header("x-request-id", id);
  };
}
