/** Rounds past many tenants, and what the log of runs says of them. */
import type { Bindings } from "../../src/env.ts";
import { wrapD1 } from "./d1.ts";
import { keptQueues } from "./kept-queues.ts";
import { bindings, wrapAll } from "./worker.ts";

const CONTROL = bindings.CONTROL_DB;

export interface HouseRow {
  readonly id: string;
  readonly slug: string;
  readonly binding: string;
}

/**
 * Rows of the registry. Without databases: a visitor who looked for them would fail, unless the test
 * binds something under the names.
 */
export async function registerHouses(
  count: number,
  name: string,
  { cell = "test-1", state = "active", activeAt = null as number | null } = {},
): Promise<HouseRow[]> {
  const rows = Array.from({ length: count }, (_, at) => {
    const slug = `${name}-${String(at).padStart(5, "0")}`;
    return { id: `tenant_${slug}`, slug, binding: `TENANT_DB_${slug}` };
  });
  const version = (bindings.TENANT_MIGRATIONS as unknown as unknown[]).length;
  await CONTROL.prepare(
    `INSERT INTO tenants (id, slug, name, plan, cell, binding, state, schema_version, created_at,
      updated_at, version, active_at)
    SELECT value ->> 'id', value ->> 'slug', value ->> 'slug', 'standard', ?2, value ->> 'binding', ?3,
      ?4, 0, 0, 1, ?5 FROM json_each(?1)`,
  )
    .bind(JSON.stringify(rows), cell, state, version, activeAt)
    .run();
  return rows;
}

/** Nobody is visited any more, and nothing has ever run. A database stays its tenant's. */
export async function emptyRegistry(): Promise<void> {
  await CONTROL.batch(
    [
      "DELETE FROM job_failures",
      "DELETE FROM job_runs",
      "DELETE FROM tenants WHERE binding = 'TENANT_DB_' || slug",
      "UPDATE tenants SET state = 'deactivated'",
    ].map((sql) => CONTROL.prepare(sql)),
  );
}

/** A run as its row says. */
export interface RunRow {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly tenants: number | null;
  readonly done: number;
  readonly failed: number;
  readonly attempt: number;
  readonly resumes: string | null;
  readonly resume_after: string | null;
  readonly error: string | null;
  readonly started_at: number;
  readonly finished_at: number | null;
}

/** The runs of a schedule, in the order of their beginning. */
export async function runsOf(name: string): Promise<RunRow[]> {
  const { results } = await CONTROL.prepare("SELECT * FROM job_runs WHERE name = ? ORDER BY id")
    .bind(name)
    .all<RunRow>();
  return results;
}

export interface FailureRow {
  readonly run_id: string;
  readonly tenant_id: string;
  readonly slug: string;
  readonly chores: string;
  readonly error: string;
  readonly tries: number;
}

export async function failures(): Promise<FailureRow[]> {
  const sql = "SELECT * FROM job_failures ORDER BY run_id, tenant_id";
  return (await CONTROL.prepare(sql).all<FailureRow>()).results;
}

/** A deployment that keeps what it rings, and counts its trips and calls of queues. */
export function countingDeployment() {
  const queues = keptQueues();
  const trips: Record<string, number> = {};
  const batches: number[] = [];
  const count = (trip: string) => {
    trips[trip] = (trips[trip] ?? 0) + 1;
  };
  const bells = queues.bindings.DOORBELLS;
  const DOORBELLS = {
    ...bells,
    sendBatch: (messages: Iterable<MessageSendRequest>) => {
      const all = [...messages];
      batches.push(all.length);
      return bells.sendBatch(all);
    },
  } as unknown as Queue;
  const env = {
    ...bindings,
    ...queues.bindings,
    DOORBELLS,
    ...wrapAll((binding) => async ({ kind }, run) => {
      count(`${binding === "CONTROL_DB" ? "control" : "tenant"} ${kind}`);
      return run();
    }),
  } as Bindings;
  return { env, queues, trips, batches };
}

/**
 * The database of one tenant, as another's: its id is put in the place of the other's in all that is
 * asked. So many tenants live in few databases, and each is believed to be at home there.
 */
export function lodge(database: D1Database, lodger: string, host: string): D1Database {
  const bound = (statement: D1PreparedStatement): D1PreparedStatement =>
    new Proxy(statement, {
      get: (target, name) => {
        const own = Reflect.get(target, name) as unknown;
        if (typeof own !== "function") return own;
        if (name !== "bind") return own.bind(target) as unknown;
        return (...values: unknown[]) =>
          bound(target.bind(...values.map((v) => (v === lodger ? host : v))));
      },
    });
  const around = wrapD1(database, (_, run) => run());
  return {
    ...around,
    prepare: (sql: string) => bound(around.prepare(sql)),
    withSession: (start?: string) => {
      const session = around.withSession(start);
      return { ...session, prepare: (sql: string) => bound(session.prepare(sql)) };
    },
  } as unknown as D1Database;
}
