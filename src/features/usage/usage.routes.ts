import { endpoint } from "../../platform/http/endpoint.ts";
import { createRouter, mount } from "../../platform/http/router.ts";
import { Usage } from "./usage.schemas.ts";
import { report } from "./usage.service.ts";

export const usageRouter = createRouter();

mount(
  usageRouter,
  endpoint({
    method: "get",
    path: "/tenants/current/usage",
    operationId: "getUsage",
    summary: "What the plan allows, and what is used of it",
    description:
      "Over a quota, additions are refused with 403 `quota-exceeded`; webhooks never are. All else " +
      "goes on, so that somebody can make room.",
    tag: "Tenant",
    doors: "tenant",
    access: "usage:read",
    response: { status: 200, description: "Each quota, and what is used.", schema: Usage },
  }),
  {
    handle: (ctx) => report(ctx),
    present: (usage) => ({ body: usage }),
  },
);
