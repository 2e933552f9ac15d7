import { z } from "@hono/zod-openapi";
import type { QuotaName } from "../../platform/quotas/quotas.ts";

const amount = (quota: number, used: number) =>
  z
    .object({
      quota: z.int().nullable().describe("Null: any number."),
      used: z.int(),
    })
    .openapi({ example: { quota, used } });

export const Usage = z
  .object({
    plan: z.string().openapi({ example: "standard" }),
    month: z.string().openapi({
      description: "The calendar month (UTC) of `events_per_month`.",
      example: "2026-11",
    }),
    users: amount(100, 12),
    services: amount(25, 3),
    events_per_month: amount(1_000_000, 48_211).describe(
      "All that were recorded, by webhooks too. Only posted ones are refused.",
    ),
    storage_bytes: amount(2_000_000_000, 7_340_032).describe(
      "What is over it can be read, changed and deleted; only additions are refused.",
    ),
  } satisfies Record<QuotaName | "plan" | "month", z.ZodType>)
  .openapi("Usage");
