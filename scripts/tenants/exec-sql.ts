import { principalName } from "../../src/platform/access/principal.ts";
import { sha256Hex } from "../../src/platform/crypto/digest.ts";
import { randomToken } from "../../src/platform/crypto/random.ts";
import { newId } from "../../src/platform/ids.ts";
import { insert, literal } from "../lib/operator.ts";
import type { Statement } from "./sql-statements.ts";

/** What is done, where and why. */
export interface Execution {
  readonly tenantId: string;
  readonly statements: readonly Statement[];
  readonly reason: string;
  /** Who this machine says that it is. */
  readonly user: string;
}

/** What a statement has brought: rows that it read, or how many it changed. */
export type Outcome = { readonly rows: readonly Row[] } | { readonly changed: number };
export type Row = Readonly<Record<string, unknown>>;

/**
 * The statements with the audit row that says who ran them and why, as one text: D1 runs it as one
 * transaction, so they come together or not at all. It fails in a database that is another tenant's.
 *
 * @returns the text, and how to read its results, one list of rows for each statement
 */
export async function executionSql({ tenantId, statements, reason, user }: Execution) {
  const id = newId("audit");
  const salt = randomToken();
  const data = JSON.stringify({ reason, user, sql: statements.map(({ text }) => text).join("; ") });
  const own = `SELECT CASE WHEN EXISTS (SELECT 1 FROM realm WHERE id = ${literal(tenantId)})
    AND EXISTS (SELECT 1 FROM audit_log WHERE id = ${literal(id)})
    THEN 1 ELSE json_extract('{}', 'stale:another tenant''s database') END;`;
  const row = {
    id,
    commit_id: newId("commit"),
    ordinal: 0,
    occurred_at: Date.now(),
    action: "sql.executed",
    principal: principalName({ kind: "job", name: "tenants-cli" }),
    target: tenantId,
    request_id: newId("request"),
    commitment: await sha256Hex(`${salt}.${data}`),
  };
  const before = [insert("audit_log", row), insert("audit_private", { audit_id: id, salt, data })];
  const body = statements.flatMap(({ text, writes }) =>
    writes ? [`${text};`, "SELECT changes() AS changed;"] : [`${text};`],
  );
  return {
    sql: [...before, own, ...body, own].join("\n"),
    outcomes(results: readonly (readonly Row[])[]): Outcome[] {
      let at = before.length + 1;
      return statements.map(({ writes }) => {
        const rows = results[at] ?? [];
        at += writes ? 2 : 1;
        // What `RETURNING` brings is rows too, and tells more than their number.
        if (!writes || rows.length > 0) return { rows };
        return { changed: Number(results[at - 1]?.[0]?.changed ?? 0) };
      });
    },
  };
}
