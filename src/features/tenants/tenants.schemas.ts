import { z } from "@hono/zod-openapi";
import { pageOf, pageQuery, strictQuery, Time, text } from "../../platform/http/schemas.ts";
import { PolicySettings } from "../../platform/limits/plans.ts";
import type { QuotaName } from "../../platform/quotas/quotas.ts";
import { REGIONS } from "../../platform/regions.ts";
import { TENANT_STATES } from "../../platform/tenancy/index.ts";
import { TenantSummary } from "../registration/index.ts";

const Policy = z.strictObject(PolicySettings.shape).openapi("Policy", {
  description: "So many requests in any window of so many seconds.",
  example: { limit: 600, window_seconds: 60 },
});

/** So many; null: any number. */
const amount = (example: number) => z.int().min(0).nullable().openapi({ example });

const Amounts = z.object({
  users: amount(100),
  services: amount(25),
  events_per_month: amount(1_000_000).describe("Of a calendar month (UTC)."),
  storage_bytes: amount(2_000_000_000),
} satisfies Record<QuotaName, z.ZodType>);

const QUOTAS = "What the tenant may have; null: any number.";

const Quotas = Amounts.openapi("Quotas", { description: QUOTAS });

/** Quotas that differ from the plan's. */
export const QuotaOverrides = z
  .strictObject(Amounts.partial().shape)
  .openapi("QuotaOverrides", { description: `${QUOTAS} What is left out is the plan's.` });

const LIMITS = "All calls of the tenant, those of one user, and webhooks.";

/** Limits that differ from the plan's. */
export const LimitOverrides = z
  .strictObject({ tenant: Policy.optional(), user: Policy.optional(), webhooks: Policy.optional() })
  .openapi("LimitOverrides", { description: `${LIMITS} What is left out is the plan's.` });

const Limits = z
  .object({ tenant: Policy, user: Policy, webhooks: Policy })
  .openapi("Limits", { description: LIMITS });

/** A tenant as operators see it. */
export const Tenant = TenantSummary.extend({
  name: z.string().openapi({
    description: "As registered; operators may change it. The tenant has its own.",
    example: "Acme Inc.",
  }),
  plan: z.string().openapi({ example: "standard" }),
  limits: LimitOverrides.nullable().describe(
    "Limits that differ from the plan's; null: none does.",
  ),
  quotas: QuotaOverrides.nullable().describe(
    "Quotas that differ from the plan's; null: none does.",
  ),
  quotas_in_force: Quotas.describe("The plan's quotas, or the tenant's own."),
  cell: z.string().openapi({ description: "The deployment that serves it.", example: "eu-1" }),
  region: z.enum(REGIONS).nullable().openapi({
    description: "Where its data has to stay; null: anywhere.",
    example: "eu",
  }),
  state: z.enum(TENANT_STATES).openapi({ example: "active" }),
  database: z.string().describe("Its database, by the name of the cell's binding."),
  schema_version: z.int().openapi({
    description: "Number of tenant migrations that its database has.",
    example: 9,
  }),
  unsynced_since: Time.nullable().openapi({
    description:
      "Since when its database has not heard of its state, plan or limits; null: it has heard.",
    example: null,
  }),
  purge_after: Time.nullable().openapi({
    description: "From when on its data may be erased; null unless it is deactivated.",
    example: null,
  }),
  created_at: Time,
  updated_at: Time,
}).openapi("Tenant");

export const TenantPage = pageOf(Tenant, "TenantPage");

export const TenantQuery = strictQuery({
  ...pageQuery,
  state: z.enum(TENANT_STATES).optional(),
  slug: z.string().max(100).optional().openapi({ description: "The one of this slug." }),
});

export const TenantChanges = z
  .strictObject({
    name: text(200).optional().openapi({ example: "Acme Incorporated" }),
    plan: z.string().max(40).optional().openapi({
      description: "One of the plans that the settings name.",
      example: "business",
    }),
    limits: LimitOverrides.nullable()
      .optional()
      .openapi({
        description: "Takes the place of all that were set before; null drops them.",
        example: { tenant: { limit: 1_200, window_seconds: 60 } },
      }),
    quotas: QuotaOverrides.nullable()
      .optional()
      .openapi({
        description:
          "Takes the place of all that were set before; null drops them. What is used already stays: " +
          "only additions are refused.",
        example: { users: 500, events_per_month: null },
      }),
  })
  .refine((changes) => Object.keys(changes).length > 0, "names nothing to change")
  .openapi("TenantChanges", { description: "What is left out stays as it is.", minProperties: 1 });

/** What the company promises its customers, and over how long signals add up. */
const SLA = {
  sla_response_time_ms: z.number().int().min(1).max(600_000).openapi({
    description: "A longer response time, in ms, breaches what the company promises.",
    example: 800,
  }),
  sla_error_rate_percent: z.number().min(0).max(100).openapi({
    description:
      "A higher share of failed requests, in percent, breaches what the company promises.",
    example: 2,
  }),
  sla_downtime_minutes: z
    .number()
    .min(0)
    .max(31 * 1_440)
    .openapi({
      description: "A longer downtime, in minutes, breaches what the company promises.",
      example: 5,
    }),
  evaluation_window_minutes: z.number().int().min(1).max(1_440).openapi({
    description: "Open signals of a kind within so many minutes raise each other's risk.",
    example: 3,
  }),
};

/** A tenant as its own users see it. */
export const CurrentTenant = TenantSummary.extend({
  plan: z.string().openapi({ example: "standard" }),
  limits: Limits.describe("The limits in force: the plan's, or the tenant's own."),
  ...SLA,
  created_at: Time,
  updated_at: Time,
}).openapi("CurrentTenant");

export const CurrentTenantChanges = z
  .strictObject({ name: text(200).openapi({ example: "Acme Incorporated" }), ...SLA })
  .partial()
  .refine((changes) => Object.keys(changes).length > 0, "names nothing to change")
  .openapi("CurrentTenantChanges", {
    description: "What is left out stays as it is.",
    minProperties: 1,
  });
