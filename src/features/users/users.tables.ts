import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { ROLES } from "../../platform/access/permissions.ts";

/** People who sign in to a realm. In the control database they are the operators. */
export const users = sqliteTable(
  "users",
  {
    id: text("id").primaryKey(),
    /** Lower case. */
    email: text("email").notNull().unique(),
    firstName: text("first_name").notNull(),
    lastName: text("last_name").notNull(),
    role: text("role", { enum: ROLES }).notNull(),
    passwordHash: text("password_hash").notNull(),
    /** Counts changes of the password, not of its hash: what was proved before one is worth nothing. */
    passwordVersion: integer("password_version").notNull(),
    lastSignInAt: integer("last_sign_in_at", { mode: "timestamp_ms" }),
    createdAt: integer("created_at", { mode: "timestamp_ms" }).notNull(),
    updatedAt: integer("updated_at", { mode: "timestamp_ms" }).notNull(),
    version: integer("version").notNull(),
  },
  (table) => [index("users_role").on(table.role)],
);

/**
 * Failed sign-ins per e-mail and network, for known and unknown e-mails alike. The network `*`
 * sums all of them.
 */
export const signInFailures = sqliteTable(
  "sign_in_failures",
  {
    email: text("email").notNull(),
    network: text("network").notNull(),
    failures: integer("failures").notNull(),
    windowStartedAt: integer("window_started_at", { mode: "timestamp_ms" }).notNull(),
    /** How often this row locked already; doubles the next lock. */
    locks: integer("locks").notNull(),
    lockedUntil: integer("locked_until", { mode: "timestamp_ms" }),
    expiresAt: integer("expires_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.email, table.network] }),
    index("sign_in_failures_expires_at").on(table.expiresAt),
  ],
);
