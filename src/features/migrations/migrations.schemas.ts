import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time } from "../../platform/http/schemas.ts";
import { MIGRATION_STATES } from "./migrations.tables.ts";

const figure = (example: number) => z.number().int().min(0).openapi({ example });
const slug = z.string().openapi({ example: "acme" });

const SETTINGS = {
  canary: slug.openapi({
    description: "Slug of a tenant that is migrated first, and alone.",
    example: "acme",
  }),
  concurrency: z.number().int().min(1).max(100).openapi({
    description: "Tenants migrated at a time, in each cell.",
    example: 10,
  }),
};

export const NewMigration = z
  .strictObject({
    canary: SETTINGS.canary.regex(/^[a-z0-9-]{3,40}$/, "is no slug").optional(),
    concurrency: SETTINGS.concurrency.default(10),
  })
  .openapi("NewMigration", { example: { canary: "acme", concurrency: 10 } });

export const Migration = z
  .object({
    id: id("migration"),
    state: z
      .enum(MIGRATION_STATES)
      .openapi({ example: "fleet" })
      .describe(
        "`canary`: the canary alone; `halted`: it failed, and nobody else was touched; `fleet`: all " +
          "others; `done`: each has succeeded or failed.",
      ),
    schema_version: figure(9).describe("Number of tenant migrations that every tenant shall have."),
    canary: SETTINGS.canary.nullable(),
    concurrency: SETTINGS.concurrency,
    started_by: id("user").describe("The operator who asked for it."),
    started_at: Time,
    finished_at: Time.nullable(),
  })
  .openapi("Migration");

const Totals = z
  .object({
    pending: figure(200).describe("Not yet migrated, or under way."),
    done: figure(797),
    failed: figure(3),
  })
  .openapi("MigrationTotals", { description: "Tenants of the run, by what became of them." });

const MigrationFailure = z
  .object({
    tenant_id: id("tenant"),
    slug,
    cell: z.string().openapi({ example: "eu-1" }),
    error: z
      .string()
      .openapi({ example: "MigrationRefused" })
      .describe("Kind of the last fault; its cause is in the log. `abandoned`: nobody ended it."),
    tries: figure(1),
    failed_at: Time,
  })
  .openapi("MigrationFailure");

export const MigrationDetails = Migration.extend({
  totals: Totals,
  failures: z.array(MigrationFailure).describe("Tenants that are failed now, the first 100."),
}).openapi("MigrationDetails");

export const MigrationPage = pageOf(Migration, "MigrationPage");

export const MigrationQuery = strictQuery(pageQuery);
