import type { z } from "@hono/zod-openapi";
import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import type { ActorRow } from "./actors.repository.ts";
import { Actor, ActorChanges, ActorPage, ActorQuery, NewActor } from "./actors.schemas.ts";
import * as actors from "./actors.service.ts";

const TAG = "Actors";

export const actorsRouter = createRouter();

mount(
  actorsRouter,
  endpoint({
    method: "get",
    path: "/actors",
    operationId: "listActors",
    summary: "Who acts in the business",
    tag: TAG,
    doors: "tenant",
    access: "actors:read",
    query: ActorQuery,
    response: { status: 200, description: "Actors, oldest first.", schema: ActorPage },
  }),
  {
    handle: (ctx, { query }) => actors.list(ctx, query),
    present: (page) => ({
      body: { data: page.items.map(presentActor), next_cursor: page.nextCursor },
    }),
  },
);

mount(
  actorsRouter,
  endpoint({
    method: "post",
    path: "/actors",
    operationId: "createActor",
    summary: "Add an actor",
    description: "Somebody of the support, a manager, or a machine whose events are recorded.",
    tag: TAG,
    doors: "tenant",
    access: "actors:write",
    body: NewActor,
    response: {
      status: 201,
      description: "The new actor.",
      schema: Actor,
      headers: ["ETag", "Location"],
    },
  }),
  {
    handle: (ctx, { body }) => actors.create(ctx, body),
    present: (actor) => ({
      body: presentActor(actor),
      version: actor.version,
      location: `/actors/${actor.id}`,
    }),
  },
);

mount(
  actorsRouter,
  endpoint({
    method: "get",
    path: "/actors/{id}",
    operationId: "getActor",
    summary: "One actor",
    tag: TAG,
    doors: "tenant",
    access: "actors:read",
    params: idParams("actor"),
    response: { status: 200, description: "The actor.", schema: Actor, headers: ["ETag"] },
  }),
  {
    handle: (ctx, { params }) => actors.get(ctx, params.id),
    present: (actor) => ({ body: presentActor(actor), version: actor.version }),
  },
);

mount(
  actorsRouter,
  endpoint({
    method: "put",
    path: "/actors/{id}",
    operationId: "updateActor",
    summary: "Change an actor",
    description: "Who is made inactive keeps the events there are, and has no new ones.",
    tag: TAG,
    doors: "tenant",
    access: "actors:write",
    params: idParams("actor"),
    body: ActorChanges,
    response: {
      status: 200,
      description: "The actor as changed.",
      schema: Actor,
      headers: ["ETag"],
    },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, body, ifMatch }) => actors.update(ctx, params.id, body, ifMatch),
    present: (actor) => ({ body: presentActor(actor), version: actor.version }),
  },
);

mount(
  actorsRouter,
  endpoint({
    method: "delete",
    path: "/actors/{id}",
    operationId: "deleteActor",
    summary: "Remove an actor",
    description: "Only one that no event names. Make others inactive instead.",
    tag: TAG,
    doors: "tenant",
    access: "actors:write",
    params: idParams("actor"),
    response: { status: 204, description: "The actor is gone." },
    problems: ["precondition-failed", "conflict", "actor-in-use"],
  }),
  {
    handle: (ctx, { params, ifMatch }) => actors.remove(ctx, params.id, ifMatch),
    present: () => ({}),
  },
);

function presentActor(row: ActorRow): z.input<typeof Actor> {
  return {
    id: row.id,
    type: row.type,
    name: row.name,
    active: row.active,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
