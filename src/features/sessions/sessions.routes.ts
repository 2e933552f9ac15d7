import type { z } from "@hono/zod-openapi";
import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams, pageQuery, strictQuery } from "../../platform/http/schemas.ts";
import type { SessionRow } from "./sessions.repository.ts";
import { type Session, SessionPage } from "./sessions.schemas.ts";
import { endOwnSession, listOwnSessions } from "./sessions.service.ts";

const TAG = "Sessions";

export const sessionsRouter = createRouter();

mount(
  sessionsRouter,
  endpoint({
    method: "get",
    path: "/auth/sessions",
    operationId: "listSessions",
    summary: "Where the caller is signed in",
    tag: TAG,
    doors: "both",
    access: "signed-in",
    query: strictQuery(pageQuery),
    response: { status: 200, description: "Living sessions, oldest first.", schema: SessionPage },
  }),
  {
    handle: (ctx, { query }) => listOwnSessions(ctx, query),
    present: (page, ctx) => ({
      body: {
        data: page.items.map((row) => toSession(row, ctx.principal.sessionId)),
        next_cursor: page.nextCursor,
      },
    }),
  },
);

mount(
  sessionsRouter,
  endpoint({
    method: "delete",
    path: "/auth/sessions/{id}",
    operationId: "endSession",
    summary: "Sign out somewhere else",
    description: "Its access tokens stop working within 5 seconds, its refresh tokens at once.",
    tag: TAG,
    doors: "both",
    access: "signed-in",
    params: idParams("session"),
    response: { status: 204, description: "The session is over." },
  }),
  {
    handle: (ctx, { params }) => endOwnSession(ctx, params.id),
    present: () => ({}),
  },
);

function toSession(row: SessionRow, current: string): z.input<typeof Session> {
  return {
    id: row.id,
    current: row.id === current,
    created_at: row.createdAt.toISOString(),
    last_used_at: row.lastUsedAt.toISOString(),
    expires_at: row.idleAt.toISOString(),
    ip: row.ip,
    user_agent: row.userAgent,
  };
}
