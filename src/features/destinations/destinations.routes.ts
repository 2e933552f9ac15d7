import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { presentDestination, presentWithSecret } from "./destinations.present.ts";
import {
  Destination,
  DestinationChanges,
  DestinationPage,
  DestinationQuery,
  DestinationWithSecret,
  NewDestination,
} from "./destinations.schemas.ts";
import * as destinations from "./destinations.service.ts";
import { rotate } from "./rotate.service.ts";

const TAG = "Destinations";

export const destinationsRouter = createRouter();

mount(
  destinationsRouter,
  endpoint({
    method: "get",
    path: "/destinations",
    operationId: "listDestinations",
    summary: "List destinations",
    tag: TAG,
    doors: "tenant",
    access: "destinations:read",
    query: DestinationQuery,
    response: { status: 200, description: "Destinations, oldest first.", schema: DestinationPage },
  }),
  {
    handle: (ctx, { query }) => destinations.list(ctx, query),
    present: (page) => ({
      body: { data: page.items.map(presentDestination), next_cursor: page.nextCursor },
    }),
  },
);

mount(
  destinationsRouter,
  endpoint({
    method: "post",
    path: "/destinations",
    operationId: "createDestination",
    summary: "Add a URL that events are delivered to",
    description:
      "Events are posted as Standard Webhooks: signed, each with an id that stays the same however " +
      "often it is sent. A 2xx within 15 seconds ends a delivery; otherwise it is tried 8 times in " +
      "about 28 hours. 410 disables the destination, and so do 5 days of failure with at least three " +
      "failed attempts that lie 12 hours apart. 429 and 503 with `Retry-After` pause it, for a day at " +
      "most.",
    tag: TAG,
    doors: "tenant",
    access: "destinations:write",
    body: NewDestination,
    idempotency: "off",
    response: {
      status: 201,
      description: "The destination, with its secret.",
      schema: DestinationWithSecret,
      headers: ["ETag", "Location"],
    },
  }),
  {
    handle: (ctx, { body }) => destinations.create(ctx, body),
    present: (made) => ({
      body: presentWithSecret(made),
      version: made.view.version,
      location: `/destinations/${made.view.id}`,
    }),
  },
);

mount(
  destinationsRouter,
  endpoint({
    method: "get",
    path: "/destinations/{id}",
    operationId: "getDestination",
    summary: "One destination",
    tag: TAG,
    doors: "tenant",
    access: "destinations:read",
    params: idParams("destination"),
    response: {
      status: 200,
      description: "The destination.",
      schema: Destination,
      headers: ["ETag"],
    },
  }),
  {
    handle: (ctx, { params }) => destinations.get(ctx, params.id),
    present: (view) => ({ body: presentDestination(view), version: view.version }),
  },
);

mount(
  destinationsRouter,
  endpoint({
    method: "put",
    path: "/destinations/{id}",
    operationId: "updateDestination",
    summary: "Change, enable or disable a destination",
    tag: TAG,
    doors: "tenant",
    access: "destinations:write",
    params: idParams("destination"),
    body: DestinationChanges,
    response: {
      status: 200,
      description: "The destination as changed.",
      schema: Destination,
      headers: ["ETag"],
    },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, body, ifMatch }) => destinations.update(ctx, params.id, body, ifMatch),
    present: (view) => ({ body: presentDestination(view), version: view.version }),
  },
);

mount(
  destinationsRouter,
  endpoint({
    method: "delete",
    path: "/destinations/{id}",
    operationId: "deleteDestination",
    summary: "Remove a destination",
    description: "Nothing more is sent there; its secrets and its deliveries are erased.",
    tag: TAG,
    doors: "tenant",
    access: "destinations:write",
    params: idParams("destination"),
    response: { status: 204, description: "The destination is gone." },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, ifMatch }) => destinations.remove(ctx, params.id, ifMatch),
    present: () => ({}),
  },
);

mount(
  destinationsRouter,
  endpoint({
    method: "post",
    path: "/destinations/{id}/secrets",
    operationId: "rotateDestinationSecret",
    summary: "Give a destination a new secret",
    description:
      "For 24 hours deliveries are signed with the new secret and with the one before, so that the " +
      "receiver can change over. At most two sign at a time.",
    tag: TAG,
    doors: "tenant",
    access: "destinations:write",
    adds: "nothing",
    params: idParams("destination"),
    idempotency: "off",
    response: {
      status: 201,
      description: "The destination, with its new secret.",
      schema: DestinationWithSecret,
      headers: ["ETag"],
    },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, ifMatch }) => rotate(ctx, params.id, ifMatch),
    present: (made) => ({ body: presentWithSecret(made), version: made.view.version }),
  },
);
