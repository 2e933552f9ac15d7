import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import * as current from "./current.service.ts";
import { presentCurrent } from "./tenants.present.ts";
import { CurrentTenant, CurrentTenantChanges } from "./tenants.schemas.ts";

const TAG = "Tenant";

export const currentTenantRouter = createRouter();

mount(
  currentTenantRouter,
  endpoint({
    method: "get",
    path: "/tenants/current",
    operationId: "getCurrentTenant",
    summary: "The tenant of this door",
    tag: TAG,
    doors: "tenant",
    access: "tenant:read",
    response: {
      status: 200,
      description: "The tenant.",
      schema: CurrentTenant,
      headers: ["ETag"],
    },
  }),
  {
    handle: (ctx) => current.getCurrent(ctx),
    present: (row, ctx) => ({ body: presentCurrent(row, ctx), version: row.version }),
  },
);

mount(
  currentTenantRouter,
  endpoint({
    method: "put",
    path: "/tenants/current",
    operationId: "updateCurrentTenant",
    summary: "Change the tenant",
    description:
      "Its name, what it promises its customers, and how signals are weighed. Plan, slug, status " +
      "and limits are not the tenant's to change.",
    tag: TAG,
    doors: "tenant",
    access: "tenant:write",
    body: CurrentTenantChanges,
    response: {
      status: 200,
      description: "The tenant as changed.",
      schema: CurrentTenant,
      headers: ["ETag"],
    },
    problems: ["precondition-failed", "conflict"],
  }),
  {
    handle: (ctx, { body, ifMatch }) => current.updateCurrent(ctx, body, ifMatch),
    present: (row, ctx) => ({ body: presentCurrent(row, ctx), version: row.version }),
  },
);

mount(
  currentTenantRouter,
  endpoint({
    method: "delete",
    path: "/tenants/current",
    operationId: "leave",
    summary: "Close the tenant",
    description:
      "The door closes within 5 seconds. Operators can open it again for a while. " +
      "`If-Match` is not read here.",
    tag: TAG,
    doors: "tenant",
    access: "tenant:write",
    idempotency: "off",
    response: { status: 204, description: "The tenant is deactivated." },
    problems: ["tenant-state", "conflict"],
  }),
  {
    handle: (ctx) => current.leave(ctx),
    present: () => ({}),
  },
);
