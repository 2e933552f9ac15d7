import type { z } from "@hono/zod-openapi";
import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { completeApi } from "./api-settings.ts";
import { shownSettings } from "./notification-url.ts";
import type { ServiceView } from "./services.repository.ts";
import {
  NewService,
  Service,
  ServiceChanges,
  ServicePage,
  ServiceQuery,
  slugParams,
} from "./services.schemas.ts";
import * as services from "./services.service.ts";

const TAG = "Services";

export const servicesRouter = createRouter();

mount(
  servicesRouter,
  endpoint({
    method: "get",
    path: "/services",
    operationId: "listServices",
    summary: "List services",
    tag: TAG,
    doors: "tenant",
    access: "services:read",
    query: ServiceQuery,
    response: { status: 200, description: "Services by slug.", schema: ServicePage },
  }),
  {
    handle: (ctx, { query }) => services.list(ctx, query),
    present: (page, ctx) => ({
      body: {
        data: page.items.map((view) => presentService(view, ctx.realm.origin)),
        next_cursor: page.nextCursor,
      },
    }),
  },
);

mount(
  servicesRouter,
  endpoint({
    method: "post",
    path: "/services",
    operationId: "createService",
    summary: "Add a service",
    description: "Its webhooks are accepted at `webhook.url` everywhere within 2 seconds.",
    tag: TAG,
    doors: "tenant",
    access: "services:write",
    body: NewService,
    response: {
      status: 201,
      description: "The new service, without its secrets.",
      schema: Service,
      headers: ["ETag", "Location"],
    },
    problems: ["slug-taken"],
  }),
  {
    handle: (ctx, { body }) => services.create(ctx, body),
    present: (view, ctx) => ({
      body: presentService(view, ctx.realm.origin),
      version: view.version,
      location: `/services/${view.slug}`,
    }),
  },
);

mount(
  servicesRouter,
  endpoint({
    method: "get",
    path: "/services/{slug}",
    operationId: "getService",
    summary: "One service",
    tag: TAG,
    doors: "tenant",
    access: "services:read",
    params: slugParams,
    response: { status: 200, description: "The service.", schema: Service, headers: ["ETag"] },
  }),
  {
    handle: (ctx, { params }) => services.get(ctx, params.slug),
    present: (view, ctx) => ({
      body: presentService(view, ctx.realm.origin),
      version: view.version,
    }),
  },
);

mount(
  servicesRouter,
  endpoint({
    method: "put",
    path: "/services/{slug}",
    operationId: "updateService",
    summary: "Change a service, rotate its secrets",
    description:
      "To rotate a secret, send the new one and the old one; when the provider has changed over, " +
      "send the new one alone. A change takes effect everywhere within 5 seconds.",
    tag: TAG,
    doors: "tenant",
    access: "services:write",
    params: slugParams,
    body: ServiceChanges,
    response: {
      status: 200,
      description: "The service as changed.",
      schema: Service,
      headers: ["ETag"],
    },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, body, ifMatch }) => services.update(ctx, params.slug, body, ifMatch),
    present: (view, ctx) => ({
      body: presentService(view, ctx.realm.origin),
      version: view.version,
    }),
  },
);

mount(
  servicesRouter,
  endpoint({
    method: "delete",
    path: "/services/{slug}",
    operationId: "deleteService",
    summary: "Remove a service",
    description: "Erases its secrets. What was received from it stays and is still processed.",
    tag: TAG,
    doors: "tenant",
    access: "services:write",
    params: slugParams,
    response: { status: 204, description: "The service is gone." },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, ifMatch }) => services.remove(ctx, params.slug, ifMatch),
    present: () => ({}),
  },
);

function presentService(view: ServiceView, origin: string): z.input<typeof Service> {
  return {
    id: view.id,
    slug: view.slug,
    name: view.name,
    webhook: view.webhook && {
      ...shownSettings(view.webhook),
      url: `${origin}/api/v1/webhooks/${view.slug}`,
      secrets: view.secrets.map(({ id, createdAt }) => ({
        id,
        created_at: createdAt.toISOString(),
      })),
    },
    api: view.api && {
      ...completeApi(view.api),
      credential: view.apiCredentialId === null ? null : { id: view.apiCredentialId },
    },
    created_at: view.createdAt.toISOString(),
    updated_at: view.updatedAt.toISOString(),
  };
}
