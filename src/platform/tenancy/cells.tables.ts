import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { REGIONS } from "../regions.ts";

/**
 * The cells that deploys have made known. Where none is, as under plain `wrangler dev`, there is one
 * cell, and every database that is bound to it may be claimed.
 */
export const cells = sqliteTable("cells", {
  name: text("name").primaryKey(),
  /** Where it keeps its data; null: anywhere. */
  region: text("region", { enum: REGIONS }),
  /** Whether new tenants may come. */
  open: integer("open", { mode: "boolean" }).notNull(),
  /** Databases in its pool when it was last looked at. */
  bound: integer("bound").notNull().default(0),
  /** Databases of its pool that were tried and may be claimed: the first so many, by name. */
  claimable: integer("claimable").notNull(),
  createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
  updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
  version: integer("version").notNull(),
});

/** What a tenant has a database for: it lives there, it is being moved there, it has left it. */
export const DATABASE_STATES = ["serving", "filling", "retired"] as const;
export type DatabaseState = (typeof DATABASE_STATES)[number];

/**
 * Every database that was ever claimed. A row stays for ever, so that no database is given to a second
 * tenant: Time Travel would show it the rows of the first.
 */
export const tenantDatabases = sqliteTable(
  "tenant_databases",
  {
    cell: text("cell").notNull(),
    /** Name of the D1 binding. */
    binding: text("binding").notNull(),
    tenantId: text("tenant_id").notNull(),
    state: text("state", { enum: DATABASE_STATES }).notNull(),
    claimedAt: integer("claimed_at", { mode: "timestamp_ms" }).notNull(),
    /** From then on it may be deleted. */
    retiredAt: integer("retired_at", { mode: "timestamp_ms" }),
  },
  (table) => [
    primaryKey({ columns: [table.cell, table.binding] }),
    index("tenant_databases_tenant").on(table.tenantId),
    index("tenant_databases_state").on(table.state, table.cell, table.binding),
  ],
);
