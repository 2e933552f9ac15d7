import { z } from "@hono/zod-openapi";
import { id, pageOf, pageQuery, strictQuery, Time } from "../../platform/http/schemas.ts";
import { REGIONS } from "../../platform/regions.ts";
import { DATABASE_STATES, UNFIT } from "../../platform/tenancy/index.ts";

const figure = (example: number) => z.number().int().min(0).openapi({ example });

const name = z
  .string()
  .regex(/^[a-z0-9-]{1,40}$/, "is no name of a cell")
  .openapi({ description: "Its setting `CELL`.", example: "eu-1" });

const binding = z.string().describe("Name of its binding in the cell.");

export const CellParams = z.object({
  name: name.openapi({ param: { name: "name", in: "path" } }),
});

export const Cell = z
  .object({
    name,
    region: z
      .enum(REGIONS)
      .nullable()
      .openapi({ example: "eu" })
      .describe("Where it keeps its data; null: anywhere."),
    open: z.boolean().describe("Whether new tenants may come."),
    bound: figure(200).describe("Databases in its pool when it was last looked at."),
    claimable: figure(120).describe("Of those, how many were tried and may be claimed."),
    claimed: figure(80).describe("How many tenants have."),
    retired: figure(2).describe("How many tenants have left. They are never claimed again."),
    free: figure(38).describe("How many new tenants there is room for."),
    updated_at: Time.nullable().describe("Null while no deploy has made it known."),
  })
  .openapi("Cell");

export const PutCell = Cell.extend({
  version: z
    .string()
    .nullable()
    .openapi({ example: "1.2.0+2871fe2c61cf" })
    .describe("What runs there now, by its own word; null where another cell has closed it."),
}).openapi("PutCell");

export const CellPage = pageOf(Cell, "CellPage");

export const CellQuery = strictQuery(pageQuery);

export const CellChanges = z
  .strictObject({
    region: z
      .enum(REGIONS)
      .nullable()
      .optional()
      .openapi({ description: "Its setting `REGION`; null where that is not set.", example: "eu" }),
    open: z.boolean().optional().openapi({
      description: "Whether new tenants may come; a new cell is open.",
      example: true,
    }),
  })
  .openapi("CellChanges", { description: "What is left out stays as it is." });

export const ClaimableDatabases = z
  .strictObject({
    claimable: z.int().min(0).max(10_000).openapi({
      description: "The first so many of its pool, by name, shall be claimable.",
      example: 160,
    }),
  })
  .openapi("ClaimableDatabases");

export const TriedCell = Cell.extend({
  unfit: z
    .object({
      binding,
      reason: z.enum(UNFIT).openapi({ example: "not-empty" }),
    })
    .nullable()
    .describe("The database that has stopped the count, and why; null when none has."),
}).openapi("TriedCell");

const TenantDatabase = z
  .object({
    cell: name,
    binding,
    tenant_id: id("tenant"),
    state: z
      .enum(DATABASE_STATES)
      .openapi({ example: "retired" })
      .describe(
        "`serving` its tenant, `filling` while the tenant moves there, `retired` when it has left.",
      ),
    claimed_at: Time,
    retired_at: Time.nullable().describe("From then on it may be deleted."),
  })
  .openapi("TenantDatabase");

export const TenantDatabasePage = pageOf(TenantDatabase, "TenantDatabasePage");

export const TenantDatabaseQuery = strictQuery({
  ...pageQuery,
  state: z.enum(DATABASE_STATES).optional().openapi({ description: "Databases in this state." }),
  cell: name.optional().openapi({ description: "Databases of this cell." }),
});
