import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { createTenant, Registration, TenantSummary } from "../registration/index.ts";
import { presentTenant } from "./tenants.present.ts";
import { Tenant, TenantChanges, TenantPage, TenantQuery } from "./tenants.schemas.ts";
import * as tenants from "./tenants.service.ts";

const TAG = "Tenants";

export const tenantsRouter = createRouter();

mount(
  tenantsRouter,
  endpoint({
    method: "get",
    path: "/tenants",
    operationId: "listTenants",
    summary: "List tenants",
    tag: TAG,
    doors: "platform",
    access: "tenants:read",
    query: TenantQuery,
    response: {
      status: 200,
      description: "Tenants in the order of their making.",
      schema: TenantPage,
    },
  }),
  {
    handle: (ctx, { query }) => tenants.list(ctx, query),
    present: (page, ctx) => ({
      body: {
        data: page.items.map((row) => presentTenant(row, ctx)),
        next_cursor: page.nextCursor,
      },
    }),
  },
);

mount(
  tenantsRouter,
  endpoint({
    method: "post",
    path: "/tenants",
    operationId: "createTenant",
    summary: "Create a tenant",
    description: "As registration does, without its caps. The admin signs in at the tenant's door.",
    tag: TAG,
    doors: "platform",
    access: "tenants:write",
    idempotency: "off",
    body: Registration.omit({ invitation: true }).openapi("NewTenant"),
    response: {
      status: 201,
      description: "The new tenant.",
      schema: TenantSummary,
      headers: ["Location"],
    },
    problems: ["slug-reserved", "slug-taken", "pool-exhausted", "misdirected", "overloaded"],
  }),
  {
    handle: (ctx, { body }) => createTenant(ctx, body),
    present: ({ tenant }) => ({ body: tenant, location: `/tenants/${tenant.id}` }),
  },
);

mount(
  tenantsRouter,
  endpoint({
    method: "get",
    path: "/tenants/{id}",
    operationId: "getTenant",
    summary: "One tenant",
    tag: TAG,
    doors: "platform",
    access: "tenants:read",
    params: idParams("tenant"),
    response: {
      status: 200,
      description: "The tenant.",
      schema: Tenant,
      headers: ["ETag"],
    },
  }),
  {
    handle: (ctx, { params }) => tenants.get(ctx, params.id),
    present: (row, ctx) => ({ body: presentTenant(row, ctx), version: row.version }),
  },
);

mount(
  tenantsRouter,
  endpoint({
    method: "put",
    path: "/tenants/{id}",
    operationId: "updateTenant",
    summary: "Change a tenant's plan, limits, quotas or name",
    description: "Plan, limits and quotas take effect within 5 seconds.",
    tag: TAG,
    doors: "platform",
    access: "tenants:write",
    params: idParams("tenant"),
    body: TenantChanges,
    response: {
      status: 200,
      description: "The tenant as changed.",
      schema: Tenant,
      headers: ["ETag"],
    },
    problems: ["tenant-state", "misdirected", "precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, body, ifMatch }) => tenants.update(ctx, params.id, body, ifMatch),
    present: (row, ctx) => ({ body: presentTenant(row, ctx), version: row.version }),
  },
);

mount(
  tenantsRouter,
  endpoint({
    method: "delete",
    path: "/tenants/{id}",
    operationId: "deactivateTenant",
    summary: "Deactivate a tenant",
    description:
      "Its door closes within 5 seconds; its data is kept until the grace period is over.",
    tag: TAG,
    doors: "platform",
    access: "tenants:write",
    params: idParams("tenant"),
    response: { status: 204, description: "The tenant is deactivated." },
    problems: ["misdirected", "tenant-state", "precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { params, ifMatch }) => tenants.move(ctx, params.id, "deactivated", ifMatch),
    present: () => ({}),
  },
);

mount(
  tenantsRouter,
  endpoint({
    method: "post",
    path: "/tenants/{id}/suspend",
    operationId: "suspendTenant",
    summary: "Suspend a tenant",
    description: "Takes effect within 5 seconds.",
    tag: TAG,
    doors: "platform",
    access: "tenants:write",
    params: idParams("tenant"),
    response: {
      status: 200,
      description: "The tenant, suspended.",
      schema: Tenant,
      headers: ["ETag"],
    },
    problems: ["misdirected", "tenant-state", "conflict"],
  }),
  {
    handle: (ctx, { params }) => tenants.move(ctx, params.id, "suspended"),
    present: (row, ctx) => ({ body: presentTenant(row, ctx), version: row.version }),
  },
);

mount(
  tenantsRouter,
  endpoint({
    method: "post",
    path: "/tenants/{id}/activate",
    operationId: "activateTenant",
    summary: "Activate a tenant again",
    tag: TAG,
    doors: "platform",
    access: "tenants:write",
    params: idParams("tenant"),
    response: {
      status: 200,
      description: "The tenant, active.",
      schema: Tenant,
      headers: ["ETag"],
    },
    problems: ["misdirected", "tenant-state", "conflict"],
  }),
  {
    handle: (ctx, { params }) => tenants.move(ctx, params.id, "active"),
    present: (row, ctx) => ({ body: presentTenant(row, ctx), version: row.version }),
  },
);
