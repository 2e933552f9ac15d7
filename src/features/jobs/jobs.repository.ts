import { and, asc, desc, eq, getTableColumns, lt } from "drizzle-orm";
import { jobFailures, jobRuns, type RunStatus } from "../../platform/jobs/job-runs.tables.ts";
import type { Keyset } from "../../platform/pagination.ts";
import type { ControlDb } from "../../platform/tenancy/index.ts";

const { marks: _, ...columns } = getTableColumns(jobRuns);

export interface RunFilters {
  readonly name?: string | undefined;
  readonly status?: RunStatus | undefined;
}

/** Runs, newest first. */
export function listRuns(
  db: ControlDb,
  { name, status }: RunFilters,
  after: Keyset | null,
  count: number,
) {
  return db.read((reader) =>
    reader
      .select(columns)
      .from(jobRuns)
      .where(
        and(
          name === undefined ? undefined : eq(jobRuns.name, name),
          status === undefined ? undefined : eq(jobRuns.status, status),
          after ? lt(jobRuns.id, String(after[0])) : undefined,
        ),
      )
      .orderBy(desc(jobRuns.id))
      .limit(count),
  );
}

export type RunRow = Awaited<ReturnType<typeof listRuns>>[number];

export async function findRun(db: ControlDb, id: string): Promise<RunRow | undefined> {
  const [row] = await db.read((reader) =>
    reader.select(columns).from(jobRuns).where(eq(jobRuns.id, id)),
  );
  return row;
}

export function listFailures(db: ControlDb, runId: string, count: number) {
  return db.read((reader) =>
    reader
      .select()
      .from(jobFailures)
      .where(eq(jobFailures.runId, runId))
      .orderBy(asc(jobFailures.tenantId))
      .limit(count),
  );
}

export type FailureRow = Awaited<ReturnType<typeof listFailures>>[number];
