import { and, eq, inArray, lte, sql } from "drizzle-orm";
import { type Step, write } from "../../platform/tenancy/index.ts";
import { signInFailures, users } from "./users.tables.ts";

/** Failures within this time count together, in ms. */
const WINDOW_MS = 900_000;
/** The first lock, and the longest, in ms. */
const FIRST_LOCK_MS = 60_000;
const LONGEST_LOCK_MS = 900_000;
/** Failures that lock an e-mail for one network. */
const PER_NETWORK = 5;
/** Failures over all networks that lock an e-mail for all but known devices. */
const ALL_NETWORKS = 20;
/** The row that sums all networks. */
export const EVERYWHERE = "*";
/** The row of those who are signed in already: no stranger's failures lock them. */
export const OWN_SESSION = "@session";
/** Rows of the past swept by each failure, so that no job has to. */
const SWEPT = 10;

/**
 * Forgets an e-mail's failures and lifts its locks: all of them, or one network's. Who gets in from
 * one network says nothing of those who guess from another.
 */
export function clearFailures(email: string, network?: string): Step {
  const one = network === undefined ? undefined : eq(signInFailures.network, network);
  return {
    statement: write.delete(signInFailures).where(and(eq(signInFailures.email, email), one)),
    expect: "any",
    as: "sign_in_failures.clear",
  };
}

/**
 * When the locks of a user end; null when none stands. For a select from `users`. The column is
 * named with its table: drizzle would leave that out, and the name then means the inner `email`.
 */
export function lockedUntil() {
  return sql<number | null>`(SELECT max(failure.locked_until) FROM ${signInFailures} AS failure
    WHERE failure.email = ${users}.email AND failure.locked_until > ${Date.now()})`;
}

/**
 * A guess that was right but came after the lock is not let in: however many are tried at once,
 * no more than the allowed number is answered.
 */
export function stillUnlocked(email: string, networks: readonly string[]): Step {
  return {
    require: sql`NOT EXISTS (SELECT 1 FROM ${signInFailures} WHERE email = ${email}
      AND ${inArray(signInFailures.network, [...networks])} AND locked_until > ${Date.now()})`,
    as: "sign_in_failures.unlocked",
    otherwise: "sign-in-locked",
  };
}

/** Counts one failure; the one that reaches the limit locks, twice as long each time. */
export function countFailure(email: string, network: string): Step {
  const now = Date.now();
  const limit = network === EVERYWHERE ? ALL_NETWORKS : PER_NETWORK;
  const row = signInFailures;
  const inWindow = sql`${row.windowStartedAt} > ${now - WINDOW_MS}`;
  const count = sql`(CASE WHEN ${inWindow} THEN ${row.failures} + 1 ELSE 1 END)`;
  const locks = sql`(CASE WHEN ${row.expiresAt} <= ${now} THEN 0 ELSE ${row.locks} END)`;
  const lockMs = sql`min(${LONGEST_LOCK_MS}, ${FIRST_LOCK_MS} << min(${locks}, 10))`;
  const full = sql`${count} >= ${limit}`;
  return {
    statement: write
      .insert(row)
      .values({
        email,
        network,
        failures: 1,
        windowStartedAt: new Date(now),
        locks: 0,
        expiresAt: new Date(now + WINDOW_MS),
      })
      .onConflictDoUpdate({
        target: [row.email, row.network],
        set: {
          failures: sql`CASE WHEN ${full} THEN 0 ELSE ${count} END`,
          windowStartedAt: sql`CASE WHEN ${inWindow} AND NOT ${full} THEN ${row.windowStartedAt} ELSE ${now} END`,
          locks: sql`${locks} + (${full})`,
          lockedUntil: sql`CASE WHEN ${full} THEN ${now} + ${lockMs} END`,
          expiresAt: sql`${now + WINDOW_MS} + CASE WHEN ${full} THEN ${lockMs} ELSE 0 END`,
        },
        setWhere: sql`${row.lockedUntil} IS NULL OR ${row.lockedUntil} <= ${now}`,
      }),
    expect: 1,
    as: `sign_in_failures.count_${network === EVERYWHERE ? "everywhere" : "network"}`,
    otherwise: "sign-in-locked",
  };
}

/** Removes failures that no longer count. */
export function sweepFailures(): Step {
  const past = sql`(SELECT rowid FROM ${signInFailures}
    WHERE expires_at < ${Date.now()} LIMIT ${SWEPT})`;
  return {
    statement: write
      .delete(signInFailures)
      .where(and(lte(signInFailures.expiresAt, new Date()), sql`rowid IN ${past}`)),
    expect: "any",
    as: "sign_in_failures.sweep",
  };
}
