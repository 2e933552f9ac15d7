import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Answers that are given again to a repeated request; sealed, kept 24 hours. */
export const idempotencyKeys = sqliteTable(
  "idempotency_keys",
  {
    /** Hash of principal, method, path and the client's key. */
    key: text("key").primaryKey(),
    /** Hash of the payload that the key was first used with. */
    payload: text("payload").notNull(),
    answer: text("answer").notNull(),
    expiresAt: integer("expires_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [index("idempotency_keys_expires_at").on(table.expiresAt)],
);
