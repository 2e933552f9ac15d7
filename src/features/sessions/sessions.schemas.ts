import { z } from "@hono/zod-openapi";
import { id, pageOf, Time } from "../../platform/http/schemas.ts";

/** A place where the caller is signed in. */
export const Session = z
  .object({
    id: id("session"),
    current: z
      .boolean()
      .openapi({ description: "Whether this request belongs to it.", example: true }),
    created_at: Time,
    last_used_at: Time,
    expires_at: Time,
    ip: z.string().nullable().openapi({ example: "203.0.113.7" }),
    user_agent: z.string().nullable().openapi({ example: "curl/8.14.1" }),
  })
  .openapi("Session");

export const SessionPage = pageOf(Session, "SessionPage");
