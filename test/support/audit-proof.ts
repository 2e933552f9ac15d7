import { sha256Hex } from "../../src/platform/crypto/digest.ts";

/** What a log proves of itself. */
interface Proof {
  readonly rows: number;
  /** Numbers that are missing between its first row and its last. */
  readonly gaps: readonly number[];
}

/**
 * Makes every row's commitment anew from the private data that it stands for.
 * @throws Error naming a row whose data is not what was committed to
 */
export async function auditProves(database: D1Database): Promise<Proof> {
  const { results } = await database
    .prepare(
      `SELECT seq, action, commitment, salt, data FROM audit_log
        JOIN audit_private ON audit_id = id ORDER BY seq`,
    )
    .all<{ seq: number; action: string; commitment: string; salt: string; data: string }>();
  const gaps: number[] = [];
  let expected = results[0]?.seq ?? 0;
  for (const { seq, action, commitment, salt, data } of results) {
    if ((await sha256Hex(`${salt}.${data}`)) !== commitment) {
      throw new Error(`Row ${seq} (${action}) is not what was committed to.`);
    }
    for (; expected < seq; expected++) gaps.push(expected);
    expected = seq + 1;
  }
  return { rows: results.length, gaps };
}
