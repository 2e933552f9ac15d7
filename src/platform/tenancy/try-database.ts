import { sql } from "drizzle-orm";
import type { PlatformCtx } from "../context.ts";
import { inParallel } from "../in-parallel.ts";
import { inTime } from "../in-time.ts";
import { errorFields } from "../observe/logger.ts";
import { failedGuard } from "./d1-errors.ts";
import { poolDatabase } from "./pool.ts";
import { guard, prepare } from "./statements.ts";
import { internalsOf } from "./tenancy.ts";

/** Why a database cannot be given to a tenant. */
export const UNFIT = ["not-empty", "no-answer"] as const;

/** A database that cannot be given to a tenant, and why. */
export interface Unfit {
  /** Name of the D1 binding. */
  readonly binding: string;
  readonly reason: (typeof UNFIT)[number];
}

/** Connections to databases that one invocation may have (Cloudflare's figure). */
const AT_ONCE = 6;
/** How long a database may take, in ms; it is asked twice. */
const TRIAL_MS = 5_000;
const TRIES = 2;

const EMPTY = "database.empty";
const WORD = "kept";

/** One transaction: nothing else in it, takes a write, reads it back, and nothing is left of it. */
const TRIAL = [
  guard(
    sql`NOT EXISTS (SELECT 1 FROM sqlite_schema
      WHERE substr(name, 1, 4) <> '_cf_' AND substr(name, 1, 7) <> 'sqlite_')`,
    EMPTY,
  ),
  prepare(sql`CREATE TABLE trial (word TEXT NOT NULL)`),
  prepare(sql`INSERT INTO trial VALUES (${WORD})`),
  prepare(sql`SELECT word FROM trial`),
  prepare(sql`DROP TABLE trial`),
];

/**
 * Tries databases of this cell that no tenant has had, some at a time.
 * @returns the first of them that is not fit for one; null when all are
 */
export async function tryDatabases(
  ctx: PlatformCtx,
  bindings: readonly string[],
): Promise<Unfit | null> {
  let first = bindings.length;
  let unfit: Unfit | null = null;
  await inParallel([...bindings.entries()], AT_ONCE, async ([index, binding]) => {
    // What stands behind one that is unfit does not count.
    if (index > first) return;
    const reason = await tryDatabase(ctx, binding);
    if (!reason || index > first) return;
    first = index;
    unfit = { binding, reason };
  });
  return unfit;
}

async function tryDatabase(ctx: PlatformCtx, binding: string): Promise<Unfit["reason"] | null> {
  const database = poolDatabase(internalsOf(ctx.tenancy).env, binding);
  for (let tries = 1; ; tries++) {
    try {
      const late = () => new Error(`No answer within ${TRIAL_MS} ms.`);
      const results = await inTime(run(database), TRIAL_MS, late);
      if (results.some(({ results: [row] }) => (row as Row | undefined)?.word === WORD))
        return null;
      throw new Error("It does not keep what is written.");
    } catch (error) {
      if (failedGuard(error) === EMPTY) return "not-empty";
      ctx.log.error("database not usable", { database: binding, ...errorFields(error) });
      if (tries === TRIES) return "no-answer";
    }
  }
}

interface Row {
  readonly word?: unknown;
}

function run(database: D1Database): Promise<D1Result[]> {
  return database.batch(
    TRIAL.map(({ sql: text, params }) => database.prepare(text).bind(...params)),
  );
}
