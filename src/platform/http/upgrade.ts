import { createRoute, type z } from "@hono/zod-openapi";
import type { TenantCtx } from "../context.ts";
import { Failure } from "../problems.ts";
import { admit } from "./admit.ts";
import type { AppContext } from "./context.ts";
import { describeEndpoint } from "./describe.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Router } from "./router.ts";
import { patternOf, readInput } from "./run-endpoint.ts";

interface Offer<Query extends z.ZodObject> {
  readonly query: z.output<Query>;
  /** Subprotocols that the client can speak. Browsers let pages set no other header. */
  readonly offered: readonly string[];
}

/** The client's end of a socket, and the subprotocol that was chosen. */
interface Opened {
  readonly socket: WebSocket;
  readonly protocol: string;
}

/**
 * Adds an endpoint that turns the connection into a WebSocket (RFC 6455); its path has no parameters. What it is given is checked in this order: door, limits of
 * the address, upgrade, query, origin.
 */
export function mountUpgrade<Query extends z.ZodObject>(
  router: Router,
  definition: Endpoint<"tenant", "public", z.ZodObject, Query>,
  open: (ctx: TenantCtx, offer: Offer<Query>) => Promise<Opened>,
): void {
  router.openAPIRegistry.registerPath(createRoute(describeEndpoint(definition)));
  router.get(definition.path, async (c) => {
    c.set("route", patternOf(c));
    // The endpoint is for tenants' doors alone, and that is where this lets nobody else past.
    const ctx = (await admit(c, definition)) as TenantCtx;
    requireUpgrade(c);
    const { query } = await readInput(c, definition);
    requireOrigin(c, ctx);
    const { socket, protocol } = await open(ctx, { query, offered: offeredBy(c) });
    return new Response(null, {
      status: 101,
      webSocket: socket,
      headers: { "sec-websocket-protocol": protocol },
    });
  });
}

/** RFC 9110, section 15.5.22: the answer says what is wanted. */
function requireUpgrade(c: AppContext): void {
  if (c.req.header("upgrade")?.toLowerCase() === "websocket") return;
  throw new Failure("upgrade-required", undefined, { headers: { upgrade: "websocket" } });
}

/**
 * No browser asks before it connects (CORS is not for WebSockets), but each says whose page it is. What
 * is no browser may leave it out.
 */
function requireOrigin(c: AppContext, { realm, settings }: TenantCtx): void {
  const origin = c.req.header("origin");
  if (origin === undefined || origin === realm.origin) return;
  if (!settings.CORS_ORIGINS.includes(origin)) throw new Failure("origin-not-allowed");
}

function offeredBy(c: AppContext): string[] {
  const header = c.req.header("sec-websocket-protocol") ?? "";
  return header.split(",").map((part) => part.trim());
}
