import { eq, sql } from "drizzle-orm";
import type { IdempotencyClaim } from "../context.ts";
import type { PreparedSql, RealmDb } from "./database.ts";
import { idempotencyKeys } from "./idempotency.tables.ts";
import { write } from "./statements.ts";

/** How long an answer is given again: 24 hours in milliseconds. */
const KEPT_MS = 86_400_000;

/** Expired rows that each use of a key sweeps away, so that no job has to. */
const SWEPT = 10;

/** The same key was committed by another request first: its answer is the answer. */
export class IdempotencyRace extends Error {
  override readonly name = "IdempotencyRace";
  constructor(options?: ErrorOptions) {
    super("Another request with this Idempotency-Key was faster.", options);
  }
}

/** Statements that store the answer. The key is the primary key: a second one fails the commit. */
export async function idempotencySql(
  claim: IdempotencyClaim,
  result: unknown,
): Promise<PreparedSql[]> {
  const now = Date.now();
  const answer = await claim.seal(result);
  const expired = write.delete(idempotencyKeys).where(
    sql`${idempotencyKeys.key} IN (SELECT key FROM ${idempotencyKeys}
        WHERE expires_at <= ${now} LIMIT ${SWEPT})
        OR (${idempotencyKeys.key} = ${claim.key} AND ${idempotencyKeys.expiresAt} <= ${now})`,
  );
  const insert = write.insert(idempotencyKeys).values({
    key: claim.key,
    payload: claim.payload,
    answer,
    expiresAt: new Date(now + KEPT_MS),
  });
  return [expired.toSQL(), insert.toSQL()];
}

/** The stored answer, if the key was used and has not expired. */
export async function storedAnswer(db: RealmDb, key: string) {
  const [row] = await db.read(
    (reader) => reader.select().from(idempotencyKeys).where(eq(idempotencyKeys.key, key)),
    "primary",
  );
  return row && row.expiresAt.getTime() > Date.now() ? row : null;
}
