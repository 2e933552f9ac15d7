import type { Context, Env, MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { secureHeaders } from "hono/secure-headers";
import type { AppEnv } from "./context.ts";

/** JSON is shown to nobody as a page: nothing may run, load or frame. */
const NO_PAGE = "default-src 'none'; frame-ancestors 'none'";

/** Seconds that a browser may remember a preflight. */
const PREFLIGHT_SECONDS = 600;

/**
 * What OWASP's REST cheat sheet asks for; a page that needs more sets its own policy. Answers are
 * kept by no cache unless they say so: most are for one caller, and errors and tokens (RFC 6749,
 * section 5.1) no less.
 */
export function securityHeaders(): MiddlewareHandler<AppEnv> {
  const secure = secureHeaders({
    strictTransportSecurity: "max-age=63072000; includeSubDomains",
    xFrameOptions: "DENY",
    crossOriginResourcePolicy: "same-origin",
  });
  return async (c, next) => {
    await secure(c, next);
    if (!c.res.headers.has("content-security-policy")) {
      c.header("content-security-policy", NO_PAGE);
    }
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
  };
}

/**
 * Browsers may call from the listed origins. No cookies, so never with credentials.
 * @param originsOf the list of the setting `CORS_ORIGINS`
 */
export function crossOrigin<E extends Env>(
  originsOf: (c: Context<E>) => readonly string[],
): MiddlewareHandler<E> {
  return cors({
    origin: (origin, c) => (originsOf(c as Context<E>).includes(origin) ? origin : null),
    allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    allowHeaders: [
      "Authorization",
      "Content-Type",
      "Idempotency-Key",
      "If-Match",
      "If-None-Match",
      "X-D1-Bookmark",
      "X-Request-ID",
    ],
    exposeHeaders: [
      "ETag",
      "Link",
      "Location",
      "RateLimit",
      "RateLimit-Policy",
      "Retry-After",
      "X-D1-Bookmark",
      "X-Request-ID",
    ],
    maxAge: PREFLIGHT_SECONDS,
  });
}
