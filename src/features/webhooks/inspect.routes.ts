import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { getEventDetail, health, listEvents } from "./inspect.service.ts";
import { presentDetail, presentEvent, presentHealth } from "./webhooks.present.ts";
import {
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
