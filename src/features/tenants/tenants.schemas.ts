import { z } from "@hono/zod-openapi";
import { pageOf, pageQuery, strictQuery, Time, text } from "../../platform/http/schemas.ts";
import { TENANT_STATES } from "../../platform/tenancy/index.ts";
import { TenantSummary } from "../registration/index.ts";

/** Plans that a tenant may be on. */
export const PLANS = ["standard", "business"] as const;

/** A tenant as operators see it. */
export const Tenant = TenantSummary.extend({
  name: z.string().openapi({
    description: "As registered; operators may change it. The tenant has its own.",
    example: "Acme Inc.",
  }),
  plan: z.string().openapi({ example: "standard" }),
  cell: z.string().openapi({ description: "The deployment that serves it.", example: "eu-1" }),
  state: z.enum(TENANT_STATES).openapi({ example: "active" }),
  created_at: Time,
  updated_at: Time,
}).openapi("Tenant");

export const TenantPage = pageOf(Tenant, "TenantPage");

export const TenantQuery = strictQuery({ ...pageQuery, state: z.enum(TENANT_STATES).optional() });

export const TenantChanges = z
  .strictObject({
    name: text(200).optional().openapi({ example: "Acme Incorporated" }),
    plan: z.enum(PLANS).optional().openapi({ example: "business" }),
  })
  .refine((changes) => Object.keys(changes).length > 0, "names nothing to change")
  .openapi("TenantChanges", { description: "What is left out stays as it is.", minProperties: 1 });

/** A tenant as its own users see it. */
export const CurrentTenant = TenantSummary.extend({ created_at: Time, updated_at: Time }).openapi(
  "CurrentTenant",
);

export const CurrentTenantChanges = z
  .strictObject({ name: text(200).openapi({ example: "Acme Incorporated" }) })
  .openapi("CurrentTenantChanges");
