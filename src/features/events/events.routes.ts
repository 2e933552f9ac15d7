import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { create } from "./create.service.ts";
import { createBatch, MOST_EVENTS } from "./create-batch.service.ts";
import { presentEvent, presentOutcomes } from "./events.present.ts";
import {
  Event,
  EventPage,
  EventQuery,
  EventReceipts,
  NewEvent,
  NewEvents,
} from "./events.schemas.ts";
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
    method: "post",
    path: "/events",
    operationId: "createEvent",
    summary: "Record what an actor did",
    description:
      "It is delivered to the destinations that want it, and rules see what it measured.",
    tag: TAG,
    doors: "tenant",
    access: "events:write",
    body: NewEvent,
    response: {
      status: 201,
      description: "The event.",
      schema: Event,
      headers: ["ETag", "Location"],
    },
  }),
  {
    handle: (ctx, { body }) => create(ctx, body),
    present: (event) => ({
      body: presentEvent(event),
      version: 1,
      location: `/events/${event.id}`,
    }),
  },
);

mount(
  eventsRouter,
  endpoint({
    method: "post",
    path: "/events/batch",
    operationId: "createEvents",
    summary: "Record many events at once",
    description: `At most ${MOST_EVENTS}, each with its own outcome: the good ones are stored, all of \
them at once, the bad ones are named by their index.`,
    tag: TAG,
    doors: "tenant",
    access: "events:write",
    body: NewEvents,
    response: { status: 200, description: "What became of each.", schema: EventReceipts },
    problems: ["conflict"],
  }),
  {
    handle: (ctx, { body }) => createBatch(ctx, body.events),
    present: (outcomes) => ({ body: presentOutcomes(outcomes) }),
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
