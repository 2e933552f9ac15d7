/** D1 bindings with somebody in between: who counts trips, loses connections or stops a migration. */

/** One round trip to a database. */
export interface Trip {
  /** `read` is a statement by itself, `batch` a transaction. */
  readonly kind: "read" | "batch";
  readonly sql: readonly string[];
  /** Where the session was told to start; none without a session. */
  readonly start?: string | undefined;
  /** Runs a read once more, for what it cost. */
  readonly meta?: () => Promise<D1Meta>;
}

/** Stands between the Worker and a database; `run` makes the trip. */
export type Around = <T>(trip: Trip, run: () => Promise<T>) => Promise<T>;

/** The binding, with `around` at every round trip, of sessions too. */
export function wrapD1(database: D1Database, around: Around): D1Database {
  return {
    ...prepareAndBatch(database, around),
    exec: (sql: string) => around({ kind: "batch", sql: [sql] }, () => database.exec(sql)),
    dump: () => database.dump(),
    withSession: (start?: string) => {
      const session = database.withSession(start);
      return {
        ...prepareAndBatch(session, around, start),
        getBookmark: () => session.getBookmark(),
      };
    },
  } as unknown as D1Database;
}

const originals = new WeakMap<object, { statement: D1PreparedStatement; sql: string }>();

function prepareAndBatch(target: D1Database | D1DatabaseSession, around: Around, start?: string) {
  return {
    prepare: (sql: string) => wrapStatement(target.prepare(sql), sql, around, start),
    batch: (statements: D1PreparedStatement[]) => {
      const real = statements.map((each) => {
        const original = originals.get(each);
        if (!original) throw new Error("A statement of another database is in the batch.");
        return original;
      });
      return around({ kind: "batch", sql: real.map(({ sql }) => sql), start }, () =>
        target.batch(real.map(({ statement }) => statement)),
      );
    },
  };
}

type Run = "first" | "run" | "all" | "raw";

function wrapStatement(
  statement: D1PreparedStatement,
  sql: string,
  around: Around,
  start?: string,
) {
  const meta = async () => (await statement.run()).meta as D1Meta;
  const through =
    (name: Run) =>
    (...options: unknown[]) =>
      around({ kind: "read", sql: [sql], start, meta }, () =>
        (statement[name] as (...args: unknown[]) => Promise<unknown>)(...options),
      );
  const wrapped = {
    bind: (...values: unknown[]) => wrapStatement(statement.bind(...values), sql, around, start),
    first: through("first"),
    run: through("run"),
    all: through("all"),
    raw: through("raw"),
  };
  originals.set(wrapped, { statement, sql });
  return wrapped as unknown as D1PreparedStatement;
}

/** Texts of D1's errors after which nobody knows whether a write was made (docs: "Debug D1"). */
export const LOST_TEXTS = [
  "D1_ERROR: Network connection lost.",
  "D1_ERROR: D1 DB reset because its code was updated.",
  "D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.",
  "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
  "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
  "D1_ERROR: Can't read from request stream because client disconnected.",
  "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
  "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
  "D1_ERROR: D1 DB exceeded its CPU time limit and was reset.",
];

/** Texts of D1's errors for a batch that was never begun. */
export const OVERLOADED_TEXTS = [
  "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
  "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
];
