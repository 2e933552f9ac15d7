import { type SQL, sql } from "drizzle-orm";
import { principalName } from "../access/principal.ts";
import type { Ctx } from "../context.ts";
import { sha256Hex } from "../crypto/digest.ts";
import { fingerprint } from "../crypto/fingerprint.ts";
import { randomToken } from "../crypto/random.ts";
import { newId } from "../ids.ts";
import { networkOf } from "../network.ts";
import { auditLog, auditPrivate, auditSums } from "./audit.tables.ts";
import type { PreparedSql } from "./database.ts";
import { prepare } from "./statements.ts";

/** What a commit says of itself. */
export interface AuditEntry {
  /** `resource.past_participle`, such as `user.updated`. */
  readonly action: string;
  /** Id of what was changed. */
  readonly target?: string;
  /** Instead of it, where only the database knows the id: a select of it, asked after the step. */
  readonly targetFrom?: SQL;
  /**
   * Personal data and old and new values; no secrets. The caller's e-mail, address and agent are
   * added, but not another realm's user's.
   */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Name of a step with `expect: "any"`: the entry is written only if that step changed a row. */
  readonly whenChanged?: string;
  /**
   * Entries of one caller within a minute share one row and a count: of somebody signed in those
   * with this action and target, of nobody's those with this action from one network. For refusals,
   * so that nobody can fill a disk, and for what repeats itself. One that is `whenChanged` too stands
   * after the other entries of its step, which ask what the step has changed.
   */
  readonly summed?: true;
  /** How many such entries a summed one stands for; 1 by default. */
  readonly times?: number;
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
  const data = JSON.stringify({ ...callerData(ctx), ...entry.details });
  const principal = principalName(ctx.principal);
  const sumKey = entry.summed ? await sumKeyOf(ctx, entry, principal, now) : null;
  const happened = entry.whenChanged ? sql`changes() > 0` : sql`1`;
  const { times = 1 } = entry;
  const sum = sql`INSERT INTO ${auditSums} (sum_key, count)
    SELECT ${sumKey}, ${times} WHERE ${happened}
    ON CONFLICT (sum_key) DO UPDATE SET count = count + excluded.count`;
  // After the sum, `changes()` is its own: 1 exactly where this happened.
  const first = sql`changes() > 0
    AND NOT EXISTS (SELECT 1 FROM ${auditLog} WHERE ${auditLog.sumKey} = ${sumKey})`;
  const row = sql`INSERT INTO ${auditLog}
    (id, commit_id, ordinal, occurred_at, action, principal, target, request_id, commitment, sum_key)
    SELECT ${id}, ${commitId}, ${ordinal}, ${now}, ${entry.action}, ${principal},
      ${targetOf(entry)}, ${ctx.request.id}, ${await sha256Hex(`${salt}.${data}`)}, ${sumKey}
    WHERE ${sumKey ? first : happened}`;
  const details = sql`INSERT INTO ${auditPrivate} (audit_id, salt, data)
    SELECT ${id}, ${salt}, ${data} WHERE changes() > 0`;
  return (sumKey ? [sum, row, details] : [row, details]).map(prepare);
}

function targetOf({ target, targetFrom }: AuditEntry): SQL {
  return targetFrom ? sql`(${targetFrom})` : sql`${target ?? null}`;
}

/** Personal data of the caller. A realm keeps none of other realms' users. */
function callerData(ctx: Ctx): Record<string, string> {
  if (ctx.visitorFrom !== undefined) return {};
  const { ip, userAgent } = ctx.request;
  const email = ctx.principal.kind === "user" ? { email: ctx.principal.email } : {};
  return { ip, user_agent: userAgent, ...email };
}

/**
 * One key per minute, caller and kind of refusal. Whoever is not signed in chooses e-mails freely,
 * and addresses within a network: neither may make more rows. The network shows only as a keyed
 * hash.
 */
async function sumKeyOf(ctx: Ctx, entry: AuditEntry, principal: string, now: number) {
  const anonymous = ctx.principal.kind === "anonymous";
  const { target = entry.targetFrom ? prepare(entry.targetFrom) : "" } = entry;
  const whose = anonymous ? [networkOf(ctx.request.ip)] : [target];
  const caller = await fingerprint(
    ctx.settings.MASTER_KEY,
    { realm: ctx.realm.id, purpose: "audit-sum" },
    JSON.stringify([principal, ...whose]),
  );
  return `${Math.floor(now / 60_000)}.${entry.action}.${caller}`;
}
