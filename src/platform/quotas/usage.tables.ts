import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** What a tenant has used, by calendar month (UTC). */
export const usage = sqliteTable("usage", {
  /** Such as `2026-11`. */
  month: text("month").primaryKey(),
  /** Events that were recorded, whoever recorded them. */
  events: integer("events").notNull(),
});
