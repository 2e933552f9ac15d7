import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { listRejected } from "./rejections.service.ts";
import { RejectionPage, RejectionQuery } from "./webhooks.schemas.ts";

const TAG = "Webhooks";

export const rejectionsRouter = createRouter();

mount(
  rejectionsRouter,
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
