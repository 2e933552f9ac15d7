import { sql } from "drizzle-orm";
import { principalName } from "../access/principal.ts";
import type { Ctx } from "../context.ts";
import { sha256Hex } from "../crypto/digest.ts";
import { fingerprint } from "../crypto/fingerprint.ts";
import { randomToken } from "../crypto/random.ts";
import { newId } from "../ids.ts";
import type { PreparedSql } from "./database.ts";
import { auditLog, auditPrivate, auditSums } from "./ledger.tables.ts";
import { prepare, type Step, stepSql } from "./statements.ts";

/** What a commit says of itself. */
export interface AuditEntry {
  /** `resource.past_participle`, such as `user.updated`. */
  readonly action: string;
  /** Id of what was changed. */
  readonly target?: string;
  /** Personal data and old and new values; no secrets. Caller's address and agent are added. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Name of a step with `expect: "any"`: the entry is written only if that step changed a row. */
  readonly whenChanged?: string;
  /**
   * Equal entries of one caller within a minute share one row and a count. For refusals, so that
   * nobody can fill a disk. The value tells callers apart who have no id, such as an e-mail.
   */
  readonly summedBy?: string;
}

/** A list that has at least one. */
export type NonEmpty<T> = readonly [T, ...T[]];

/** The statements that write an entry. `changes()` must be the step's when it is `whenChanged`. */
export async function auditSql(
  ctx: Ctx,
  entry: AuditEntry,
  commitId: string,
  ordinal: number,
): Promise<PreparedSql[]> {
  const now = Date.now();
  const id = newId("audit");
  const salt = randomToken();
  const data = JSON.stringify({
    ip: ctx.request.ip,
    user_agent: ctx.request.userAgent,
    ...(ctx.principal.kind === "user" ? { email: ctx.principal.email } : {}),
    ...entry.details,
  });
  const principal = principalName(ctx.principal);
  const sumKey = entry.summedBy === undefined ? null : await sumKeyOf(ctx, entry, principal, now);
  const condition = entry.whenChanged
    ? sql`changes() > 0`
    : sumKey
      ? sql`NOT EXISTS (SELECT 1 FROM ${auditLog} WHERE ${auditLog.sumKey} = ${sumKey})`
      : sql`1`;
  const row = sql`INSERT INTO ${auditLog}
    (id, commit_id, ordinal, occurred_at, action, principal, target, request_id, commitment, sum_key)
    SELECT ${id}, ${commitId}, ${ordinal}, ${now}, ${entry.action}, ${principal},
      ${entry.target ?? null}, ${ctx.request.id}, ${await sha256Hex(`${salt}.${data}`)}, ${sumKey}
    WHERE ${condition}`;
  const details = sql`INSERT INTO ${auditPrivate} (audit_id, salt, data)
    SELECT ${id}, ${salt}, ${data} WHERE changes() > 0`;
  const sum = sql`INSERT INTO ${auditSums} (sum_key, count, last_commit_id)
    VALUES (${sumKey}, 1, ${commitId})
    ON CONFLICT (sum_key) DO UPDATE SET count = count + 1, last_commit_id = excluded.last_commit_id
    WHERE last_commit_id <> excluded.last_commit_id`;
  if (!sumKey) return [row, details].map(prepare);
  return [...[row, details, sum].map(prepare), ...stepSql(COUNTED_ONCE)];
}

/**
 * Other rows are unique per commit; this one stands for many. Without the guard a commit that is
 * tried again after a lost connection would count twice, and so would what it changes.
 */
const COUNTED_ONCE: Step = {
  require: sql`changes() = 1`,
  as: "audit_sums.count",
  otherwise: "conflict",
};

/** One key per minute, caller and kind of refusal; the caller's address shows only as a keyed hash. */
async function sumKeyOf(ctx: Ctx, entry: AuditEntry, principal: string, now: number) {
  const caller = await fingerprint(
    ctx.settings.MASTER_KEY,
    { realm: ctx.realm.id, purpose: "audit-sum" },
    JSON.stringify([principal, ctx.request.ip, entry.summedBy, entry.target ?? ""]),
  );
  return `${Math.floor(now / 60_000)}.${entry.action}.${caller}`;
}
