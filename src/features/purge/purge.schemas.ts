import { z } from "@hono/zod-openapi";

export const Purge = z
  .strictObject({
    slug: z.string().min(1).max(100).openapi({
      description: "The tenant's slug once more: what is erased does not come back.",
      example: "acme",
    }),
  })
  .openapi("Purge");
