import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time } from "../../platform/http/schemas.ts";

export const AuditEntry = z
  .object({
    seq: z.int().openapi({ description: "Place in the log: the only order.", example: 42 }),
    id: id("audit"),
    commit_id: z.string().openapi({
      description: "Entries of one commit share it.",
      example: "commit_01jdn2z7q5e8t9v0w1x2y3z4a5",
    }),
    occurred_at: Time,
    action: z.string().openapi({ example: "user.updated" }),
    principal: z.string().openapi({ example: "user:user_01jdn2z7q5e8t9v0w1x2y3z4a5" }),
    target: z.string().nullable().openapi({ example: "user_01jdn2z7q5e8t9v0w1x2y3z4a7" }),
    request_id: z.string().openapi({ example: "req_01jdn2z7q5e8t9v0w1x2y3z4a6" }),
    commitment: z.string().describe("SHA-256 over salt and private data, in hex."),
    count: z.int().describe("How often it happened: equal refusals of a minute share an entry."),
    private: z
      .record(z.string(), z.unknown())
      .nullable()
      .describe("Addresses, old and new values; null once erased."),
  })
  .openapi("AuditEntry");

export const AuditPage = pageOf(AuditEntry, "AuditPage");

const filter = z.string().min(1).max(200).optional();

export const AuditQuery = strictQuery({
  ...pageQuery,
  action: filter.openapi({ description: "Such as `user.created`." }),
  principal: filter.openapi({ description: "Who did it, such as `user:` and an id." }),
  target: filter.openapi({ description: "What it was done to: an id." }),
  from: z.iso.datetime({ offset: true }).optional().openapi({ description: "At or after." }),
  to: z.iso.datetime({ offset: true }).optional().openapi({ description: "Before." }),
});
