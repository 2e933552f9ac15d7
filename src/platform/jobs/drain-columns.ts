import { integer, text } from "drizzle-orm/sqlite-core";

/** Columns of the one row that a tenant's drain keeps: see `chained-drain.ts`. */
export const drainColumns = () => ({
  singleton: integer("singleton").primaryKey().default(1),
  /** Token of the chain of doorbells that drains; each doorbell of it carries it. */
  chain: text("chain"),
  /** Until when that chain is trusted to go on by itself; others then need not drain. */
  chainUntil: integer("chain_until", { mode: "timestamp_ms" }).notNull(),
  /** The earliest time for which a doorbell is under way to try again what failed. */
  retryRungFor: integer("retry_rung_for", { mode: "timestamp_ms" }),
});

/** The same where it is also noted when a consumer was last here. */
export const watchedDrainColumns = () => ({
  ...drainColumns(),
  seenAt: integer("seen_at", { mode: "timestamp_ms" }).notNull(),
});
