import { z } from "@hono/zod-openapi";
import { id, pageOf, Time } from "../../platform/http/schemas.ts";

/** A place where the caller is signed in. */
export const Session = z
  .object({
    id: id("session"),
    current: z.boolean().describe("Whether this request belongs to it."),
    created_at: Time,
    last_used_at: Time,
    expires_at: Time,
    ip: z.string().nullable(),
    user_agent: z.string().nullable(),
  })
  .openapi("Session");

export const SessionPage = pageOf(Session, "SessionPage");
