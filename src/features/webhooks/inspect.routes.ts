import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { getEventDetail, health, listEvents } from "./inspect.service.ts";
import { listRejected } from "./rejections.service.ts";
import { replay, replayDeadLetters } from "./replay.service.ts";
import { presentDetail, presentEvent, presentHealth } from "./webhooks.present.ts";
import {
  BulkReplay,
  DeadLetterSelection,
  RejectionPage,
  RejectionQuery,
  WebhookEvent,
  WebhookEventDetail,
  WebhookEventPage,
  WebhookEventQuery,
  WebhookHealth,
} from "./webhooks.schemas.ts";

const TAG = "Webhooks";

export const inspectRouter = createRouter();

mount(
  inspectRouter,
  endpoint({
    method: "get",
    path: "/webhooks/health",
    operationId: "getWebhooksHealth",
    summary: "Whether webhooks are processed in time",
    tag: TAG,
    doors: "tenant",
    access: "anyone",
    response: { status: 200, description: "How it stands.", schema: WebhookHealth },
  }),
  {
    handle: (ctx) => health(ctx),
    present: (state) => ({ body: presentHealth(state) }),
  },
);

mount(
  inspectRouter,
  endpoint({
    method: "get",
    path: "/webhooks/events",
    operationId: "listWebhookEvents",
    summary: "What was received, and what became of it",
    tag: TAG,
    doors: "tenant",
    access: "webhooks:read",
    query: WebhookEventQuery,
    response: { status: 200, description: "Events, newest first.", schema: WebhookEventPage },
  }),
  {
    handle: (ctx, { query }) => listEvents(ctx, query),
    present: (page) => ({
      body: { data: page.items.map(presentEvent), next_cursor: page.nextCursor },
    }),
  },
);

mount(
  inspectRouter,
  endpoint({
    method: "get",
    path: "/webhooks/events/{id}",
    operationId: "getWebhookEvent",
    summary: "One received event, with its attempts and its payload",
    tag: TAG,
    doors: "tenant",
    access: "webhooks:read",
    params: idParams("webhookEvent"),
    response: { status: 200, description: "The event.", schema: WebhookEventDetail },
  }),
  {
    handle: (ctx, { params }) => getEventDetail(ctx, params.id),
    present: (detail) => ({ body: presentDetail(detail) }),
  },
);

mount(
  inspectRouter,
  endpoint({
    method: "post",
    path: "/webhooks/events/{id}/replay",
    operationId: "replayWebhookEvent",
    summary: "Try a failed event once more",
    description: "With all its attempts, behind what is new. One that took effect is not replayed.",
    tag: TAG,
    doors: "tenant",
    access: "webhooks:write",
    params: idParams("webhookEvent"),
    response: { status: 202, description: "It is due again.", schema: WebhookEvent },
    problems: ["event-state"],
  }),
  {
    handle: (ctx, { params }) => replay(ctx, params.id),
    present: (event) => ({ body: presentEvent(event) }),
  },
);

mount(
  inspectRouter,
  endpoint({
    method: "post",
    path: "/webhooks/dead-letters/replay",
    operationId: "replayDeadLetters",
    summary: "Try dead letters once more",
    tag: TAG,
    doors: "tenant",
    access: "webhooks:write",
    body: DeadLetterSelection,
    response: { status: 202, description: "How many.", schema: BulkReplay },
    problems: ["conflict"],
  }),
  {
    handle: (ctx, { body: { dry_run, ...filters } }) => replayDeadLetters(ctx, filters, dry_run),
    present: (counts) => ({ body: counts }),
  },
);

mount(
  inspectRouter,
  endpoint({
    method: "get",
    path: "/webhooks/rejections",
    operationId: "listWebhookRejections",
    summary: "What was turned away, and why",
    description: "Summed by hour, service and reason; nothing else of it is kept.",
    tag: TAG,
    doors: "tenant",
    access: "webhooks:read",
    query: RejectionQuery,
    response: { status: 200, description: "Sums, the newest hour first.", schema: RejectionPage },
  }),
  {
    handle: (ctx, { query }) => listRejected(ctx, query),
    present: (page) => ({
      body: {
        data: page.items.map((row) => ({
          hour: row.hour.toISOString(),
          service: row.service || null,
          reason: row.reason,
          count: row.count,
          first_at: row.firstAt.toISOString(),
          last_at: row.lastAt.toISOString(),
        })),
        next_cursor: page.nextCursor,
      },
    }),
  },
);
