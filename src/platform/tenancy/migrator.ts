import { Failure } from "../problems.ts";
import { outcomeOf, violatedUnique } from "./d1-errors.ts";
import { unavailable } from "./database.ts";
import type { Migration } from "./migrations.ts";
import { retryPause } from "./retry-pause.ts";

/** The table that `wrangler d1 migrations apply` keeps, so that both agree. */
const TABLE = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/** What drizzle-kit puts between statements. Triggers hold semicolons, so those do not split. */
const BREAKPOINT = "--> statement-breakpoint";

const LOST_TRIES = 3;

/** A database that would not take a migration, which is rolled back whole. The cause says why. */
class MigrationRefused extends Error {
  constructor(migration: string, cause: unknown) {
    super(`The migration ${migration} was refused.`, { cause });
    this.name = "MigrationRefused";
  }
}

/**
 * Brings a database up to date. Each migration is one batch that first inserts its own name, so
 * that of many who try at once one wins, without a lock; the losers go on to the next.
 * @returns the number of migrations that the database now has
 * @throws Failure `database-unavailable`; what was applied stays, and the next call goes on there
 * @throws MigrationRefused the same, but the next call will hardly fare better
 */
export async function migrate(db: D1Database, migrations: readonly Migration[]): Promise<number> {
  await tolerant(() => db.prepare(TABLE).run());
  const applied = await appliedNames(db);
  for (const migration of migrations) {
    if (applied.has(migration.name)) continue;
    await apply(db, migration);
  }
  return migrations.length;
}

async function apply(db: D1Database, migration: Migration): Promise<void> {
  try {
    await applyOnce(db, migration);
  } catch (error) {
    throw error instanceof Failure ? error : new MigrationRefused(migration.name, error);
  }
}

async function applyOnce(db: D1Database, migration: Migration): Promise<void> {
  const statements = migration.sql.split(BREAKPOINT).flatMap((part) => part.trim() || []);
  await tolerant(async () => {
    try {
      await db.batch([
        db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(migration.name),
        ...statements.map((statement) => db.prepare(statement)),
      ]);
    } catch (error) {
      if (violatedUnique(error) !== "d1_migrations.name") throw error;
    }
  });
}

async function appliedNames(db: D1Database): Promise<Set<string>> {
  const { results } = await tolerant(() =>
    db
      .withSession("first-primary")
      .prepare("SELECT name FROM d1_migrations")
      .all<{ name: string }>(),
  );
  return new Set(results.map(({ name }) => name));
}

/**
 * Every step may be run again: after a lost connection it simply is.
 * @throws Failure `database-unavailable`
 */
async function tolerant<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      const outcome = outcomeOf(error);
      if (outcome === "rejected") throw error;
      if (outcome === "overloaded" || attempt === LOST_TRIES) throw unavailable(error);
      await retryPause(attempt - 1);
    }
  }
}
