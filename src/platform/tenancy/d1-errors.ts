/**
 * What a D1 error means for the caller.
 * - `outcome-unknown`: the connection was lost; a write may or may not have been applied.
 * - `overloaded`: nothing was applied; trying again at once makes it worse.
 * - `rejected`: SQLite refused the statement (a constraint, a guard); nothing was applied.
 */
export type D1Outcome = "outcome-unknown" | "overloaded" | "rejected";

/**
 * Texts of Cloudflare's list of D1 errors ("Debug D1"). Whatever reset the database, a write may have
 * gone before.
 */
const LOST =
  /network connection lost|\breset\b|transient issue|internal error|connection (?:was )?closed|disconnected/i;
const OVERLOADED = /overloaded|too many requests queued|requests queued for too long/i;
const SQLITE = /SQLITE_|constraint failed|bad JSON path|append-only|write-once/i;

/** Classifies an error that D1 threw. An error that nobody knows counts as a lost connection. */
export function outcomeOf(error: unknown): D1Outcome {
  const text = messageOf(error);
  if (OVERLOADED.test(text)) return "overloaded";
  if (LOST.test(text) && !SQLITE.test(text)) return "outcome-unknown";
  if (SQLITE.test(text) || /D1_/.test(text)) return "rejected";
  return "outcome-unknown";
}

/** Whether a table or column is missing, as on a replica that lags behind a migration. */
export function lacksSchema(error: unknown): boolean {
  return /no such (?:table|column)/i.test(messageOf(error));
}

/** The name of the guard that stopped a batch, or null. */
export function failedGuard(error: unknown): string | null {
  return /bad JSON path: '?stale:([\w.-]+)/.exec(messageOf(error))?.[1] ?? null;
}

/** `table.column` (several joined by commas) of a violated unique constraint, or null. */
export function violatedUnique(error: unknown): string | null {
  return /UNIQUE constraint failed: ([\w., ]+?)(?::|$)/.exec(messageOf(error))?.[1] ?? null;
}

function messageOf(error: unknown): string {
  return error instanceof Error
    ? `${error.message} ${messageOf(error.cause ?? "")}`
    : String(error);
}
