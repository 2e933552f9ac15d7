import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time } from "../../platform/http/schemas.ts";

export const AuditEntry = z
  .object({
    seq: z.int().describe("Place in the log: the only order."),
    id: id("audit"),
    commit_id: z.string().describe("Entries of one commit share it."),
    occurred_at: Time,
    action: z.string(),
    principal: z.string(),
    target: z.string().nullable(),
    request_id: z.string(),
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
  action: filter.openapi({ example: "user.created" }),
  principal: filter,
  target: filter,
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
});
