import type { z } from "@hono/zod-openapi";
import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import type { EventRow } from "./events.repository.ts";
import { Event, EventPage, EventQuery } from "./events.schemas.ts";
import { get, list } from "./events.service.ts";

const TAG = "Events";

export const eventsRouter = createRouter();

mount(
  eventsRouter,
  endpoint({
    method: "get",
    path: "/events",
    operationId: "listEvents",
    summary: "What happened in the business",
    tag: TAG,
    doors: "tenant",
    access: "events:read",
    query: EventQuery,
    response: { status: 200, description: "Events, newest first.", schema: EventPage },
  }),
  {
    handle: (ctx, { query }) => list(ctx, query),
    present: (page) => ({
      body: { data: page.items.map(presentEvent), next_cursor: page.nextCursor },
    }),
  },
);

mount(
  eventsRouter,
  endpoint({
    method: "get",
    path: "/events/{id}",
    operationId: "getEvent",
    summary: "One event",
    tag: TAG,
    doors: "tenant",
    access: "events:read",
    params: idParams("event"),
    response: { status: 200, description: "The event.", schema: Event, headers: ["ETag"] },
  }),
  {
    handle: (ctx, { params }) => get(ctx, params.id),
    // Events never change.
    present: (event) => ({ body: presentEvent(event), version: 1 }),
  },
);

function presentEvent(row: EventRow): z.input<typeof Event> {
  return {
    id: row.id,
    type: row.type,
    source: row.source,
    source_id: row.sourceId,
    subject: row.subject,
    occurred_at: row.occurredAt.toISOString(),
    recorded_at: row.recordedAt.toISOString(),
    metadata: row.metadata,
  };
}
