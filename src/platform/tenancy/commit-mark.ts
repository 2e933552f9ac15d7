import { sql } from "drizzle-orm";
import { commitMarks } from "./audit.tables.ts";
import type { PreparedSql } from "./database.ts";
import { write } from "./statements.ts";

/** How long a mark is kept in milliseconds: its commit is tried again for seconds at most. */
const KEPT_MS = 3_600_000;

/** Old marks that each new one sweeps away, so that no job has to. */
const SWEPT = 10;

/**
 * Statements that mark a commit which may leave no audit row of its own. The commit's id is the
 * primary key: the same batch a second time fails, and counts nothing twice.
 */
export function markSql(commitId: string): PreparedSql[] {
  const now = Date.now();
  const mark = write.insert(commitMarks).values({ commitId, markedAt: new Date(now) });
  const old = write.delete(commitMarks).where(
    sql`${commitMarks.commitId} IN (SELECT commit_id FROM ${commitMarks}
        WHERE marked_at < ${now - KEPT_MS} LIMIT ${SWEPT})`,
  );
  return [mark.toSQL(), old.toSQL()];
}
