import { sql } from "drizzle-orm";
import { Failure } from "../problems.ts";
import { failedGuard, lacksSchema, outcomeOf } from "./d1-errors.ts";
import { handleOf, type PreparedSql, type RealmDb, unavailable } from "./database.ts";
import { guard, prepare } from "./statements.ts";

/**
 * A database that is being filled says for which import, in a table that is no part of its schema. A
 * write that was held up on its way finds the fence raised, or gone, and changes nothing: the import's
 * version is a fencing token.
 */
export const FENCE_TABLE = "import_fence";

/** Who writes: an import, as the writer has read it. */
export interface FencePass {
  readonly importId: string;
  readonly version: number;
}

/** Names of the guards. */
const PASS = "import.fence";
const UNUSED = "import.unused";

const fence = sql.identifier(FENCE_TABLE);

/**
 * Puts a fence up; one that stands is left.
 * @throws Failure `import-state` when somebody lives in the database already; `database-unavailable`
 */
export function putUpFence(db: RealmDb, importId: string): Promise<void> {
  const stands = sql`EXISTS (SELECT 1 FROM sqlite_master WHERE name = ${FENCE_TABLE})`;
  return run(db, [
    guard(sql`${stands} OR NOT EXISTS (SELECT 1 FROM realm)`, UNUSED),
    prepare(sql`CREATE TABLE IF NOT EXISTS ${fence} (
      singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
      import_id TEXT NOT NULL,
      version INTEGER NOT NULL
    )`),
    prepare(sql`INSERT OR IGNORE INTO ${fence} VALUES (1, ${importId}, 0)`),
  ]);
}

/**
 * Writes for an import, all or nothing.
 * @throws Failure `import-state` when the import has gone on since the writer read it, or the database is
 * another's; `database-unavailable`
 * @throws Error what the database says against the batch
 */
export function writeBehindFence(
  db: RealmDb,
  { importId, version }: FencePass,
  batch: readonly PreparedSql[],
): Promise<void> {
  const passes = sql`EXISTS (SELECT 1 FROM ${fence}
    WHERE import_id = ${importId} AND version <= ${version})`;
  return run(db, [guard(passes, PASS), ...batch]);
}

/** Shuts out whoever has read the import before this version. @throws Failure as for a write */
export function raiseFence(db: RealmDb, pass: FencePass): Promise<void> {
  return writeBehindFence(db, pass, [prepare(sql`UPDATE ${fence} SET version = ${pass.version}`)]);
}

/** Nothing is ever filled in again. @throws Failure `database-unavailable` */
export function takeDownFence(db: RealmDb): Promise<void> {
  return run(db, [prepare(sql`DROP TABLE IF EXISTS ${fence}`)]);
}

async function run(db: RealmDb, batch: readonly PreparedSql[]): Promise<void> {
  try {
    await handleOf(db).batch(batch);
  } catch (cause) {
    // Whatever came of it, the same may be sent again.
    if (outcomeOf(cause) !== "rejected") throw unavailable(cause);
    const stopped = failedGuard(cause);
    if (stopped !== PASS && stopped !== UNUSED && !lacksSchema(cause)) throw cause;
    const detail = "The import has gone on meanwhile. Ask how far it is.";
    throw new Failure("import-state", detail, { cause });
  }
}
