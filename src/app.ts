import { OpenAPIHono } from "@hono/zod-openapi";
import { readCaller } from "./features/auth/index.ts";
import { createReference } from "./features/reference/index.ts";
import { createAuthenticator } from "./platform/access/authenticate.ts";
import type { AppEnv } from "./platform/http/context.ts";
import { onError } from "./platform/http/errors.ts";
import { crossOrigin, securityHeaders } from "./platform/http/headers.ts";
import { httpsOnly } from "./platform/http/https-only.ts";
import { createNotFound } from "./platform/http/not-found.ts";
import { openDoor } from "./platform/http/open-door.ts";
import { requestLog } from "./platform/http/request-log.ts";
import { requestScope } from "./platform/http/request-scope.ts";
import { limitStrangers, showLimits } from "./platform/limits/middleware.ts";
import { rootRouters, routers } from "./registry.ts";

/** The HTTP app: what every request passes, in order, and the routers behind it. */
export function createApp(): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>({ getPath: pathOf });
  const authenticate = createAuthenticator(readCaller);
  app.onError(onError);
  app.use(securityHeaders());
  app.use(requestScope());
  app.use(showLimits());
  app.use(requestLog());
  app.use(httpsOnly<AppEnv>((c) => c.get("scope").settings.BASE_URL));
  app.use(crossOrigin<AppEnv>((c) => c.get("scope").settings.CORS_ORIGINS));
  app.use(openDoor());
  app.use(async (c, next) => {
    c.set("authenticate", authenticate);
    await next();
  });
  for (const router of rootRouters) app.route("/", router);
  for (const router of routers) app.route("/api/v1", router);
  // What comes so far is for no endpoint.
  app.use(limitStrangers());
  app.route("/", createReference(app.openAPIRegistry));
  app.notFound(createNotFound(app));
  return app;
}

/** A trailing slash means the same. */
function pathOf(request: Request): string {
  const { pathname } = new URL(request.url);
  return pathname.replace(/\/+$/, "") || "/";
}
