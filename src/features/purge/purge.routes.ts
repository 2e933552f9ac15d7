import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { idParams } from "../../platform/http/schemas.ts";
import { presentTenant, Tenant } from "../tenants/index.ts";
import { Purge } from "./purge.schemas.ts";
import { beginPurge } from "./purge.service.ts";

export const purgeRouter = createRouter();

mount(
  purgeRouter,
  endpoint({
    method: "post",
    path: "/tenants/{id}/purge",
    operationId: "purgeTenant",
    summary: "Erase a tenant's data for good",
    description:
      "For a deactivated tenant whose grace period is over (`purge_after`). The work is done in the " +
      "background; `state` is `purging` until all is erased, then `purged`. Asking again changes nothing.",
    tag: "Tenants",
    doors: "platform",
    access: "tenants:purge",
    params: idParams("tenant"),
    body: Purge,
    response: {
      status: 202,
      description: "The tenant, whose data is being erased or was erased.",
      schema: Tenant,
    },
    problems: ["tenant-state", "conflict"],
  }),
  {
    handle: (ctx, { params, body }) => beginPurge(ctx, params.id, body.slug),
    present: (row, ctx) => ({ body: presentTenant(row, ctx) }),
  },
);
