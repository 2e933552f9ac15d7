import { type Context, Hono } from "hono";
import { type Handed, handOver, type Way, wayHome, wayTo } from "./platform/cells/hand-over.ts";
import { hold } from "./platform/cells/held-body.ts";
import { asShown, withoutOwn } from "./platform/cells/own-headers.ts";
import { type RouterBindings, routerSettingsOf } from "./platform/cells/router-env.ts";
import { turnAway } from "./platform/cells/turn-away.ts";
import { problemFor } from "./platform/http/errors.ts";
import { crossOrigin, securityHeaders } from "./platform/http/headers.ts";
import { httpsOnly } from "./platform/http/https-only.ts";
import { createLogger, type Logger } from "./platform/observe/logger.ts";
import { createMeter } from "./platform/observe/meter.ts";
import { requestIdOf } from "./platform/observe/request-id.ts";
import { doorOf, openRegistry, type Registry } from "./platform/tenancy/index.ts";

/**
 * The Worker in front of the cells: it finds the cell of the tenant that a request's host names, and hands
 * the request over by service binding. It holds no secret and reads nothing but the host; what is behind a
 * door, the cell decides.
 */

interface RouterEnv {
  Bindings: RouterBindings;
  Variables: {
    requestId: string;
    log: Logger;
    registry: Registry;
    /** For the log: the tenant whose door it was, and who has answered. */
    tenant: string;
    handed: Handed;
  };
}

const app = new Hono<RouterEnv>();

app.onError((error, c) => {
  const requestId = c.get("requestId") ?? "unknown";
  return problemFor(error, { requestId, log: c.get("log"), path: c.req.path });
});

/** An answer of a cell's stays as it is; the router's own get what a cell's have. */
const secure = securityHeaders();
const crossing = crossOrigin<RouterEnv>((c) => routerSettingsOf(c.env).CORS_ORIGINS);
const answered = async () => {};
app.use(async (c, next) => {
  await next();
  if (!c.error && c.get("handed")) return;
  await secure(c as unknown as Context, answered);
  c.header("x-request-id", c.get("requestId"));
});

app.use(async (c, next) => {
  const startedAt = Date.now();
  const requestId = requestIdOf(c.req.header("x-request-id"));
  c.set("requestId", requestId);
  const { LOG_LEVEL } = routerSettingsOf(c.env);
  const log = createLogger({ level: LOG_LEVEL }, { request_id: requestId });
  const meter = createMeter();
  c.set("log", log);
  c.set("registry", openRegistry(c.env, { log, meter }));
  await next();
  // Nothing of what was asked or answered: the cell's line, of the same request id, has what may be said.
  log.info("routed", {
    tenant: c.get("tenant") ?? null,
    cell: c.get("handed")?.cell ?? null,
    cells_asked: c.get("handed")?.asked ?? 0,
    status: c.res.status,
    duration_ms: Date.now() - startedAt,
    control_d1_trips: meter.controlTrips,
  });
});

app.use(httpsOnly<RouterEnv>((c) => routerSettingsOf(c.env).BASE_URL));

app.use(async (c, next) => {
  await next();
  // A preflight has an answer of its own. Without it pages would not even hear that a cell is down.
  const preflight = c.error && (await crossing(c, answered));
  if (preflight) c.res = preflight;
});

app.all("*", async (c) => {
  const { env } = c;
  const { log, registry, requestId } = c.var;
  const way = await wayOf(c);
  const headers = withoutOwn(c.req.raw.headers);
  headers.set("x-request-id", requestId);
  const handed = await handOver(
    { env, registry, log },
    way,
    await hold(c.req.raw, way.route ? "tenant" : "platform"),
    headers,
  );
  c.set("handed", handed);
  return asShown(handed.answer);
});

/** @throws Failure `tenant-not-found` for a host that is nobody's door, or `quota-exceeded` */
async function wayOf(c: Context<RouterEnv>): Promise<Way> {
  const { BASE_URL, HOME_CELL } = routerSettingsOf(c.env);
  const door = doorOf(new URL(c.req.url).hostname, BASE_URL.hostname);
  if (door.kind === "platform") return wayHome(c.env, HOME_CELL);
  const route = door.kind === "tenant" ? await c.get("registry").find(door.slug) : null;
  if (!route) throw await turnAway(c.env, c.get("log"), c.req.header("cf-connecting-ip"));
  c.set("tenant", route.slug);
  return wayTo(route);
}

export default { fetch: app.fetch } satisfies ExportedHandler<RouterBindings>;
