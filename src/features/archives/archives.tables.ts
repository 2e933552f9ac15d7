import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { REGIONS } from "../../platform/regions.ts";
import type { TenantState } from "../../platform/tenancy/index.ts";

/** Rows come in, are found to be those of the manifest, and then serve; or nobody wants them any more. */
export const IMPORT_STATES = ["receiving", "verified", "done", "abandoned"] as const;
export type ImportState = (typeof IMPORT_STATES)[number];

/** A new tenant comes in, or one that is here moves to another database. */
export const IMPORT_KINDS = ["new", "move"] as const;

/** What was found to be right so far, of which manifest. */
export interface Verification {
  /** SHA-256 of the manifest: another one begins anew. */
  readonly manifest: string;
  /** Whether the database that a moving tenant leaves was found to hold no more than the archive. */
  readonly logChecked: boolean;
  /** Runs of rows compared, in the manifest's order, and the rows in them. */
  readonly runs: number;
  readonly rows: number;
  /** Where the next run begins in its table: after this place. Null for the table's first. */
  readonly after: number | null;
}

/** Imports of archives. A tenant has one open at most. */
export const tenantImports = sqliteTable(
  "tenant_imports",
  {
    id: text("id").primaryKey(),
    tenantId: text("tenant_id").notNull(),
    kind: text("kind", { enum: IMPORT_KINDS }).notNull(),
    state: text("state", { enum: IMPORT_STATES }).notNull(),
    /** The database that is being filled. */
    cell: text("cell").notNull(),
    binding: text("binding").notNull(),
    /** Number of tenant migrations that the archive was made with. */
    schemaVersion: integer("schema_version").notNull(),
    /** Parts taken in so far; the next one has this number and one. */
    parts: integer("parts").notNull(),
    /** Rows taken in so far. */
    rows: integer("rows").notNull(),
    /** What a moving tenant goes back to, also when it has arrived; a new one begins as active. */
    priorState: text("prior_state").$type<TenantState>().notNull(),
    /** Where the data has to stay once the tenant lives there; null: anywhere. */
    region: text("region", { enum: REGIONS }),
    /** How far `complete` has come; null before, and after more rows came. */
    verification: text("verification", { mode: "json" }).$type<Verification>(),
    /** Id of the operator who asked for it. */
    startedBy: text("started_by").notNull(),
    startedAt: integer("started_at", { mode: "timestamp_ms" }).notNull(),
    updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
    finishedAt: integer("finished_at", { mode: "timestamp_ms" }),
    version: integer("version").notNull(),
  },
  (table) => [
    uniqueIndex("tenant_imports_open")
      .on(table.tenantId)
      .where(sql`${table.state} IN ('receiving', 'verified')`),
    index("tenant_imports_tenant").on(table.tenantId, table.id),
  ],
);
