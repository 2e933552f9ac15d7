import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/**
 * Who did what. Rows are never changed or deleted (triggers refuse it); personal data stands in
 * `audit_private`, and here only its salted hash, so that it can be erased and the log still
 * proves itself.
 */
export const auditLog = sqliteTable(
  "audit_log",
  {
    /** The only order that counts. */
    seq: integer("seq").primaryKey({ autoIncrement: true }),
    id: text("id").notNull().unique(),
    /** The commit that the row belongs to, and its place in it. */
    commitId: text("commit_id").notNull(),
    ordinal: integer("ordinal").notNull(),
    occurredAt: integer("occurred_at", { mode: "timestamp_ms" }).notNull(),
    action: text("action").notNull(),
    principal: text("principal").notNull(),
    target: text("target"),
    requestId: text("request_id").notNull(),
    /** SHA-256 over salt and private data. */
    commitment: text("commitment").notNull(),
    /** Set on rows that stand for all equal refusals of one caller in one minute. */
    sumKey: text("sum_key").unique(),
  },
  (table) => [
    uniqueIndex("audit_log_commit").on(table.commitId, table.ordinal),
    index("audit_log_action").on(table.action, table.seq),
    index("audit_log_principal").on(table.principal, table.seq),
    index("audit_log_target").on(table.target, table.seq),
    index("audit_log_occurred_at").on(table.occurredAt),
  ],
);

/** E-mail, address, user agent, old and new values: what an erasure removes. */
export const auditPrivate = sqliteTable("audit_private", {
  auditId: text("audit_id").primaryKey(),
  salt: text("salt").notNull(),
  data: text("data").notNull(),
});

/** How often the refusal behind a summed audit row happened. */
export const auditSums = sqliteTable("audit_sums", {
  sumKey: text("sum_key").primaryKey(),
  count: integer("count").notNull(),
});

/**
 * Commits that may leave no audit row of their own, because theirs is summed or was not due. After
 * a lost connection the mark tells that they were applied; it is swept soon after.
 */
export const commitMarks = sqliteTable(
  "commit_marks",
  {
    commitId: text("commit_id").primaryKey(),
    markedAt: integer("marked_at", { mode: "timestamp_ms" }).notNull(),
  },
  (table) => [index("commit_marks_marked_at").on(table.markedAt)],
);
