import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

export const ACTOR_TYPES = ["support", "manager", "system"] as const;

/** Who acts in the tenant's business: people of its support, its managers, its machines. Not users. */
export const actors = sqliteTable(
  "actors",
  {
    id: text("id").primaryKey(),
    type: text("type", { enum: ACTOR_TYPES }).notNull(),
    name: text("name").notNull(),
    /** Who is not active has no new events. */
    active: integer("active", { mode: "boolean" }).notNull(),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
    version: integer("version").notNull(),
  },
  (table) => [
    index("actors_type").on(table.type, table.id),
    index("actors_active").on(table.active, table.id),
  ],
);
