import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Registrations per UTC day and source: a network's fingerprint, or `*` for all. */
export const registrationCounts = sqliteTable(
  "registration_counts",
  {
    day: text("day").notNull(),
    source: text("source").notNull(),
    count: integer("count").notNull(),
  },
  (table) => [primaryKey({ columns: [table.day, table.source] })],
);

/** One company may register with each of these while `REGISTRATION` is `invite`. */
export const invitations = sqliteTable(
  "invitations",
  {
    id: text("id").primaryKey(),
    /** SHA-256 of the token. */
    hash: text("hash").notNull().unique(),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    expiresAt: integer("expires_at", { mode: "timestamp_ms" }).notNull(),
    usedAt: integer("used_at", { mode: "timestamp_ms" }),
    tenantId: text("tenant_id"),
  },
  (table) => [index("invitations_created_at").on(table.createdAt)],
);
