import {
  type BuildColumns,
  type ColumnBuilderBase,
  getTableName,
  gt,
  isNull,
  lte,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import type { SQLiteTableWithColumns } from "drizzle-orm/sqlite-core";
import { type RealmDb, type Step, write } from "../tenancy/index.ts";
import type { drainColumns, watchedDrainColumns } from "./drain-columns.ts";

type TableWith<Columns extends Record<string, ColumnBuilderBase>> = SQLiteTableWithColumns<{
  name: string;
  schema: undefined;
  columns: BuildColumns<string, Columns, "sqlite">;
  dialect: "sqlite";
}>;
type PlainTable = TableWith<ReturnType<typeof drainColumns>>;
type WatchedTable = TableWith<ReturnType<typeof watchedDrainColumns>>;
type DrainTable = PlainTable | WatchedTable;

/** As far as all drains have the same columns. */
const plain = (table: DrainTable) => table as PlainTable;

/** What a consumer finds in the row before it touches anything. */
export interface ChainSeen {
  /** Token of the chain of doorbells, and until when it is trusted; null and 0 without one. */
  readonly chain: string | null;
  readonly chainUntil: number;
  /** The latest bell for what failed that is known to be under way, by its time. */
  readonly retryRungFor: number | null;
}

/** What a consumer leaves to others. */
export interface Rest {
  /** Token of the chain that goes on; null where nothing was left when it took what is due. */
  readonly chain: string | null;
  /** For when a doorbell is to ring for what failed. */
  readonly retryRungFor: number | null;
}

/** Times of a claim in ms, and the tokens of its chain. */
export interface ChainClaim {
  readonly lease: string;
  readonly now: number;
  readonly leaseUntil: number;
  readonly chainUntil: number;
  /** What the doorbell that asks carries: it gives way to every chain but the one of this token. */
  readonly token: string | null;
}

/** The columns of a select that tell {@link ChainSeen}. */
export const chainColumns = (table: DrainTable) => ({
  chain: sql<string | null>`(SELECT chain FROM ${table})`,
  retryRungFor: sql<number | null>`(SELECT retry_rung_for FROM ${table})`,
  chainUntil: sql<number>`coalesce((SELECT chain_until FROM ${table}), 0)`,
});

/**
 * Makes this lease the chain's next token, so of two bells with one token the first takes. Fails with
 * `conflict` when another chain is alive.
 * @param firstRetry the time of what failed and is to be tried again first, or null
 */
export function takeChain(table: DrainTable, claim: ChainClaim, firstRetry: SQL): Step {
  const { lease: chain, now, token } = claim;
  const chainUntil = new Date(claim.chainUntil);
  const seen = "seenAt" in table ? { seenAt: new Date(now) } : {};
  // The time for which a bell is under way; once it has passed, that of the next failure.
  const retryRungFor = sql`CASE WHEN ${table.retryRungFor} > ${now}
    THEN ${table.retryRungFor} ELSE ${firstRetry} END`;
  return {
    statement: write
      .insert(plain(table))
      .values({ singleton: 1, chain, chainUntil, ...seen })
      .onConflictDoUpdate({
        target: table.singleton,
        set: { chain, chainUntil, retryRungFor, ...seen },
        setWhere: sql`${table.chainUntil} <= ${now} OR ${table.chain} = ${token}`,
      }),
    expect: 1,
    as: `${getTableName(table)}.chain`,
  };
}

/** Where nothing is left the chain ends, and the next doorbell begins another. */
export function endChain(table: DrainTable, anyDue: SQL): Step {
  return {
    statement: write
      .update(plain(table))
      .set({ chain: null, chainUntil: new Date(0) })
      .where(sql`NOT ${anyDue}`),
    expect: "any",
    as: `${getTableName(table)}.end`,
  };
}

/** The consumer will ring for this time, unless a bell that rings before is under way. */
export function noteRetry(table: DrainTable, dueAt: Date, at: Date): Step {
  const { retryRungFor } = table;
  return {
    statement: write
      .update(plain(table))
      .set({ retryRungFor: dueAt })
      .where(or(isNull(retryRungFor), lte(retryRungFor, at), gt(retryRungFor, dueAt))),
    expect: "any",
    as: `${getTableName(table)}.retry`,
  };
}

/** Notes that a consumer was here. */
export function noteSeen(table: WatchedTable, now: number): Step {
  const seenAt = new Date(now);
  return {
    statement: write
      .insert(table)
      .values({ singleton: 1, chainUntil: new Date(0), seenAt })
      .onConflictDoUpdate({ target: table.singleton, set: { seenAt } }),
    expect: 1,
    as: `${getTableName(table)}.seen`,
  };
}

export async function findRest(db: RealmDb, table: DrainTable): Promise<Rest> {
  const { chain, retryRungFor } = table;
  const [row] = await db.read(
    (reader) => reader.select({ chain, retryRungFor }).from(plain(table)),
    "primary",
  );
  return { chain: row?.chain ?? null, retryRungFor: row?.retryRungFor?.getTime() ?? null };
}
