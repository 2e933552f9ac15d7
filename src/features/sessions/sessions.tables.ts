import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** A sign-in and the family of refresh tokens that descends from it. */
export const sessions = sqliteTable(
  "sessions",
  {
    id: text("id").primaryKey(),
    userId: text("user_id").notNull(),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    lastUsedAt: integer("last_used_at", { mode: "timestamp_ms" }).notNull(),
    /** Moves with each refresh; never beyond `endsAt`. */
    idleAt: integer("idle_at", { mode: "timestamp_ms" }).notNull(),
    endsAt: integer("ends_at", { mode: "timestamp_ms" }).notNull(),
    revokedAt: integer("revoked_at", { mode: "timestamp_ms" }),
    ip: text("ip"),
    userAgent: text("user_agent"),
  },
  (table) => [
    index("sessions_user").on(table.userId, table.id),
    index("sessions_ends_at").on(table.endsAt),
  ],
);

/** Every refresh token of a living session, used ones too: an old one shows a theft. */
export const refreshTokens = sqliteTable(
  "refresh_tokens",
  {
    /** SHA-256 of the token. */
    hash: text("hash").primaryKey(),
    sessionId: text("session_id").notNull(),
    generation: integer("generation").notNull(),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    rotatedAt: integer("rotated_at", { mode: "timestamp_ms" }),
  },
  (table) => [index("refresh_tokens_session").on(table.sessionId, table.generation)],
);

/** Devices that a user has signed in from: they stay welcome when an e-mail is locked for others. */
export const devices = sqliteTable(
  "devices",
  {
    /** SHA-256 of the device token. */
    hash: text("hash").primaryKey(),
    userId: text("user_id").notNull(),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    lastUsedAt: integer("last_used_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [
    index("devices_user").on(table.userId, table.lastUsedAt),
    index("devices_last_used_at").on(table.lastUsedAt),
  ],
);
