import type { Context, Env, MiddlewareHandler } from "hono";

/**
 * Sends plain http on to the same address over https, where the platform is reached by https. It stands
 * before all that looks at a door, a credential or a body, so nothing is done that was asked for in the
 * clear. 308 keeps method and body (RFC 9110, section 15.4.9).
 * @param baseOf the setting `BASE_URL`
 */
export function httpsOnly<E extends Env>(baseOf: (c: Context<E>) => URL): MiddlewareHandler<E> {
  return async (c, next) => {
    const { protocol, port } = baseOf(c);
    const url = new URL(c.req.url);
    if (protocol === "http:" || url.protocol === "https:") return next();
    url.protocol = protocol;
    url.port = port;
    return c.redirect(url.href, 308);
  };
}
