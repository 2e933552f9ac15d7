import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { replay, replayDeadLetters } from "./replay.service.ts";
import { presentEvent } from "./webhooks.present.ts";
import { BulkReplay, DeadLetterSelection, WebhookEvent } from "./webhooks.schemas.ts";

const TAG = "Webhooks";

export const replayRouter = createRouter();

mount(
  replayRouter,
  endpoint({
    method: "post",
    path: "/webhooks/events/{id}/replay",
    operationId: "replayWebhookEvent",
    summary: "Try a failed event once more",
    description: "With all its attempts, behind what is new. One that took effect is not replayed.",
    tag: TAG,
    doors: "tenant",
    access: "webhooks:write",
    adds: "nothing",
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
  replayRouter,
  endpoint({
    method: "post",
    path: "/webhooks/dead-letters/replay",
    operationId: "replayDeadLetters",
    summary: "Try dead letters once more",
    tag: TAG,
    doors: "tenant",
    access: "webhooks:write",
    adds: "nothing",
    body: DeadLetterSelection,
    response: { status: 202, description: "How many.", schema: BulkReplay },
    problems: ["conflict"],
  }),
  {
    handle: (ctx, { body: { dry_run, ...filters } }) => replayDeadLetters(ctx, filters, dry_run),
    present: (counts) => ({ body: counts }),
  },
);
