import { DrizzleQueryError } from "drizzle-orm/errors";
import { drizzle, type SqliteRemoteDatabase } from "drizzle-orm/sqlite-proxy";
import { errorFields, type Logger } from "../observe/logger.ts";
import type { Meter } from "../observe/meter.ts";
import { Failure } from "../problems.ts";
import { noteSize } from "../quotas/sizes.ts";
import { lacksSchema, outcomeOf } from "./d1-errors.ts";

/** Selects and nothing else: `with`, which drizzle has too, leads on to writes. */
export type Reader = Pick<SqliteRemoteDatabase, "select" | "selectDistinct">;

/** A realm's database, open for one request. */
export interface RealmDb {
  /** Tenant id, or `platform`. */
  readonly realmId: string;
  /** Migrations that the database is known to have had. It may have had more since. */
  readonly schemaVersion: number;
  /**
   * Runs one select. A request that only reads may be answered by a replica, unless it has not
   * heard of the table yet; `primary` is for reads that decide something.
   * @throws Failure `database-unavailable`
   */
  read<T>(build: (reader: Reader) => PromiseLike<T>, from?: "primary"): Promise<T>;
  /**
   * Runs one select at the primary, and notes how large the database is. Every column that it selects
   * must have a name of its own.
   * @throws Failure `database-unavailable`
   */
  readAndWeigh<T>(build: (reader: Reader) => PromiseLike<T>): Promise<T>;
}

declare const tenantBrand: unique symbol;
declare const controlBrand: unique symbol;

/** Handle on one tenant's database. Only `platform/tenancy` makes one, from a resolved tenant. */
export interface TenantDb extends RealmDb {
  readonly [tenantBrand]: true;
}

/** Handle on the control database. */
export interface ControlDb extends RealmDb {
  readonly [controlBrand]: true;
}

export interface OpenOptions {
  readonly realmId: string;
  /** See {@link RealmDb}: rather too old than too new. */
  readonly schemaVersion: number;
  readonly binding: D1Database;
  readonly log: Logger;
  readonly meter: Meter;
  readonly trips: "tenantTrips" | "controlTrips";
  /** Bookmark that the reads must have seen, or where a session may start. */
  readonly start: string;
}

interface Handle {
  readonly batch: (statements: readonly PreparedSql[]) => Promise<D1Result[]>;
  readonly bookmark: () => string | null;
}

/** SQL text with its bound parameters. */
export interface PreparedSql {
  readonly sql: string;
  readonly params: readonly unknown[];
  /** Told how many rows the statement changed, where `commit` hears it. */
  readonly changed?: (rows: number) => void;
}

/** Writing goes through `commit` alone, so the raw handle is not on the object. */
const handles = new WeakMap<RealmDb, Handle>();

/** For `commit`, the migrator and bookmarks. */
export function handleOf(db: RealmDb): Handle {
  const handle = handles.get(db);
  if (!handle) throw new Error("Not a database that platform/tenancy opened.");
  return handle;
}

/** Opens a database for one request. D1 objects must not outlive it. */
export function open<Db extends RealmDb>(options: OpenOptions): Db {
  const { realmId, schemaVersion, binding, meter, trips, log } = options;
  const primary = lazy(() => binding.withSession("first-primary"));
  const replica =
    options.start === "first-primary" ? primary : lazy(() => binding.withSession(options.start));
  let latest: D1DatabaseSession | null = null;
  const through = (session: () => D1DatabaseSession): D1DatabaseSession => {
    latest = session();
    meter[trips] += 1;
    return latest;
  };
  const reader = (session: () => D1DatabaseSession, rowsOf: RowsOf): Reader =>
    drizzle(async (sql, params) => {
      const ask = (whom: () => D1DatabaseSession) =>
        retryRead(log, () =>
          rowsOf(
            through(whom)
              .prepare(sql)
              .bind(...params),
          ),
        );
      const rows = await ask(session).catch((error: unknown) => {
        if (session === primary || !lacksSchema(error)) throw error;
        log.warn("d1 replica lags behind its schema", errorFields(error));
        return ask(primary);
      });
      return { rows };
    });
  const weighed: RowsOf = async (statement) => {
    const { results, meta } = await statement.all<Record<string, unknown>>();
    noteSize(realmId, meta.size_after);
    return results.map(Object.values);
  };
  const readers = {
    primary: reader(primary, bare),
    any: reader(replica, bare),
    weighed: reader(primary, weighed),
  };
  const readBy = (by: keyof typeof readers, build: (reader: Reader) => PromiseLike<unknown>) =>
    Promise.resolve(build(readers[by])).catch(throwCause);
  const db = {
    realmId,
    schemaVersion,
    read: (build: (reader: Reader) => PromiseLike<unknown>, from?: "primary") =>
      readBy(from ?? "any", build),
    readAndWeigh: (build: (reader: Reader) => PromiseLike<unknown>) => readBy("weighed", build),
  } as unknown as Db;
  handles.set(db, {
    batch: async (statements) => {
      const session = through(primary);
      const results = await session.batch(
        statements.map(({ sql, params }) => session.prepare(sql).bind(...params)),
      );
      const last = results.at(-1);
      if (last) noteSize(realmId, last.meta.size_after);
      return results;
    },
    bookmark: () => latest?.getBookmark() ?? null,
  });
  return db;
}

/** A select's rows, each a list of its columns. */
type RowsOf = (statement: D1PreparedStatement) => Promise<unknown[][]>;

/** D1 tells rows as lists without the size, and with it as objects alone. */
const bare: RowsOf = (statement) => statement.raw();

/**
 * D1 retries reads that it lost on its side; a connection that was lost on ours is worth one more
 * try. Overload is not.
 */
async function retryRead<T>(log: Logger, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (first) {
    const outcome = outcomeOf(first);
    if (outcome === "rejected") throw first;
    log.warn("d1 read failed", { outcome, ...errorFields(first) });
    if (outcome === "overloaded") throw unavailable(first);
    try {
      return await run();
    } catch (second) {
      throw outcomeOf(second) === "rejected" ? second : unavailable(second);
    }
  }
}

/** Drizzle wraps what went wrong, which hides failures and puts the query's values into the log. */
function throwCause(error: unknown): never {
  throw error instanceof DrizzleQueryError ? error.cause : error;
}

/** The failure for a database that cannot answer now. Nothing was changed. */
export function unavailable(cause: unknown): Failure {
  return new Failure("database-unavailable", undefined, { cause });
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
