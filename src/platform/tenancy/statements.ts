import type { SQL } from "drizzle-orm";
import { sql } from "drizzle-orm";
import { SQLiteSyncDialect } from "drizzle-orm/sqlite-core";
import { drizzle } from "drizzle-orm/sqlite-proxy";
import type { ProblemCode } from "../problems.ts";
import type { PreparedSql } from "./database.ts";

const builder = drizzle(() => {
  throw new Error("Statements are run by commit().");
});

/** Builds writes; they are run by `commit` alone. */
export const write = {
  insert: builder.insert.bind(builder),
  update: builder.update.bind(builder),
  delete: builder.delete.bind(builder),
} as Pick<typeof builder, "insert" | "update" | "delete">;

/** An insert, update or delete. Selects have no `returning`, so they do not fit. */
export interface Write {
  toSQL(): { sql: string; params: unknown[] };
  returning: unknown;
}

/** One write of a commit, with the number of rows that it has to change. */
export interface WriteStep {
  readonly statement: Write;
  /** 1: any other count rolls the whole commit back. */
  readonly expect: 1 | "any";
  /** Name for logs and guards, such as `users.update`. */
  readonly as: string;
  /** What a count other than 1 means to the caller; `conflict` by default. */
  readonly otherwise?: ProblemCode;
  /** The schema that it needs: in a database that is older the step is left out. */
  readonly since?: number;
  /**
   * Told how many rows it changed, once the commit is through. Not told where the answer to the
   * commit was lost.
   */
  readonly changed?: (rows: number) => void;
  /** What a violated unique constraint means, by `table.column`. */
  readonly taken?: Readonly<Record<string, ProblemCode>>;
}

/** A condition that must hold at this place of the commit, or all of it is rolled back. */
export interface GuardStep {
  readonly require: SQL;
  readonly as: string;
  readonly otherwise: ProblemCode;
  /** As for a write. */
  readonly since?: number;
}

export type Step = WriteStep | GuardStep;

const dialect = new SQLiteSyncDialect();

/** Text and parameters of a raw SQL fragment. */
export function prepare(fragment: SQL): PreparedSql {
  return dialect.sqlToQuery(fragment);
}

/** The statements of a step: the write, then its guard. */
export function stepSql(step: Step): PreparedSql[] {
  if ("require" in step) return [guard(step.require, step.as)];
  const { sql: text, params } = step.statement.toSQL();
  const { changed } = step;
  const statement = { sql: text, params, ...(changed ? { changed } : {}) };
  return step.expect === 1 ? [statement, guard(sql`changes() = 1`, step.as)] : [statement];
}

/**
 * A statement that aborts the batch, naming itself, unless the condition holds.
 * `RAISE()` works in triggers only; a bad JSON path aborts the batch too, and carries a name.
 */
export function guard(condition: SQL, name: string): PreparedSql {
  return prepare(
    sql`SELECT CASE WHEN ${condition} THEN 1 ELSE json_extract('{}', ${`stale:${name}`}) END`,
  );
}
