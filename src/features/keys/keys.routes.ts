import { z } from "@hono/zod-openapi";
import { publicKeys } from "../../platform/access/signing-key-store.ts";
import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";

const Jwks = z
  .object({ keys: z.array(z.record(z.string(), z.string())) })
  .openapi("Jwks", { description: "JSON Web Key Set (RFC 7517)." });

export const keysRouter = createRouter();

mount(
  keysRouter,
  endpoint({
    method: "get",
    path: "/.well-known/jwks.json",
    operationId: "getKeys",
    summary: "Public keys of this door's tokens",
    tag: "Service",
    doors: "both",
    access: "public",
    response: { status: 200, description: "The keys, newest first.", schema: Jwks },
  }),
  {
    handle: (ctx) => publicKeys(ctx),
    present: (keys) => ({ body: { keys } }),
  },
);
