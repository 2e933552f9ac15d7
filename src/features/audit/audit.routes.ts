import type { z } from "@hono/zod-openapi";
import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import type { AuditRow } from "./audit.repository.ts";
import { type AuditEntry, AuditPage, AuditQuery } from "./audit.schemas.ts";
import { list } from "./audit.service.ts";

export const auditRouter = createRouter();

mount(
  auditRouter,
  endpoint({
    method: "get",
    path: "/audit",
    operationId: "listAudit",
    summary: "Who did what",
    tag: "Audit",
    doors: "both",
    access: "audit:read",
    query: AuditQuery,
    response: { status: 200, description: "Entries, newest first.", schema: AuditPage },
  }),
  {
    handle: (ctx, { query }) => list(ctx, query),
    present: (page) => ({
      body: { data: page.items.map(toEntry), next_cursor: page.nextCursor },
    }),
  },
);

function toEntry({ entry, data, sum }: AuditRow): z.input<typeof AuditEntry> {
  return {
    seq: entry.seq,
    id: entry.id,
    commit_id: entry.commitId,
    occurred_at: entry.occurredAt.toISOString(),
    action: entry.action,
    principal: entry.principal,
    target: entry.target,
    request_id: entry.requestId,
    commitment: entry.commitment,
    count: sum ?? 1,
    private: data === null ? null : (JSON.parse(data) as Record<string, unknown>),
  };
}
