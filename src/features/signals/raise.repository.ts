import { type SQL, sql } from "drizzle-orm";
import { type Step, write } from "../../platform/tenancy/index.ts";
import { SEVERITIES, type Severity } from "../rules/index.ts";
import type { SignalRow } from "./signals.repository.ts";
import { type SignalChange, signalChanges, signals } from "./signals.tables.ts";

/** Which signal a commit is about: none, or one. A select of its id. */
export type Which = SQL;

/** The open one of this key. */
export function openOf(dedupeKey: string): Which {
  return sql`SELECT id FROM ${signals} WHERE dedupe_key = ${dedupeKey} AND resolved_at IS NULL`;
}

/** This one, if it is not resolved. */
export function thisOpenOne(id: string): Which {
  return sql`${thisOne(id)} AND resolved_at IS NULL`;
}

/** The open one of this key, if it is less severe. */
export function milderOf(dedupeKey: string, severity: Severity): Which {
  return sql`${openOf(dedupeKey)} AND ${rank(sql`severity`)} < ${SEVERITIES.indexOf(severity)}`;
}

/** This one, once it is there. */
export function thisOne(id: string): Which {
  return sql`SELECT id FROM ${signals} WHERE ${signals.id} = ${id}`;
}

/** Opens a signal, unless one of its key is open. */
export function openSignal(row: SignalRow): Step {
  const insertion = write.insert(signals).values(row);
  const as = `signals.open.${row.id}`;
  return row.dedupeKey === null
    ? { statement: insertion, expect: 1, as }
    : { statement: insertion.onConflictDoNothing(), expect: "any", as };
}

/**
 * Tells that something becomes of a signal. Where the change may be none, this stands before it, and
 * asks for the same.
 * @param nonce what makes the step's name its own
 */
export function noteChange(which: Which, change: SignalChange, at: Date, nonce: string): Step {
  return {
    statement: write
      .insert(signalChanges)
      .select(sql`SELECT NULL, id, ${change}, ${at.getTime()} FROM (${which})`),
    expect: "any",
    as: `signal_changes.${change}.${nonce}`,
  };
}

/** Counts the signal at the open one of its key, which becomes as severe as this if it was less. */
export function countSignal(row: SignalRow, dedupeKey: string): Step {
  const seen = row.lastSeenAt.getTime();
  return {
    statement: write
      .update(signals)
      .set({
        occurrences: sql`occurrences + 1`,
        lastSeenAt: sql`max(last_seen_at, ${seen})`,
        metricValue: sql`coalesce(${row.metricValue}, metric_value)`,
        responseTimeMs: sql`coalesce(${row.responseTimeMs}, response_time_ms)`,
        errorRatePercent: sql`coalesce(${row.errorRatePercent}, error_rate_percent)`,
        downtimeMinutes: sql`coalesce(${row.downtimeMinutes}, downtime_minutes)`,
        description: sql`coalesce(${row.description}, description)`,
        severity: sql`CASE WHEN ${rank(sql`severity`)} < ${SEVERITIES.indexOf(row.severity)}
          THEN ${row.severity} ELSE severity END`,
        updatedAt: row.updatedAt,
        version: sql`version + 1`,
      })
      .where(sql`id = (${openOf(dedupeKey)})`),
    expect: "any",
    as: `signals.count.${row.id}`,
  };
}

/** Resolves a signal, because what it told of is over. */
export function resolveRecovered(which: Which, at: Date, by: string, nonce: string): Step {
  return {
    statement: write
      .update(signals)
      .set({
        status: "resolved",
        resolvedAt: at,
        resolvedBy: by,
        updatedAt: at,
        version: sql`version + 1`,
      })
      .where(sql`id = (${which})`),
    expect: "any",
    as: `signals.recover.${nonce}`,
  };
}

/** Only if it is critical. */
export function ifCritical(which: Which): Which {
  return sql`SELECT id FROM ${signals} WHERE id = (${which}) AND severity = 'critical'`;
}

/**
 * An event's subject and metadata, from the signal's row: as the API shows it, with what the commit
 * makes of it. It is a member of its own, so that its numbers are no metrics.
 */
export function toldOf(which: Which, becomes: Readonly<Record<string, string>> = {}): SQL {
  const pairs = (prefix: string, members: typeof MEMBERS) =>
    sql.join(
      members.map(([name, value]) => {
        const changed = becomes[name];
        return sql`${sql.raw(`'${prefix}${name}'`)}, ${changed === undefined ? value : changed}`;
      }),
      sql`, `,
    );
  const first = sql`json_object(${pairs("", MEMBERS.slice(0, MOST_PAIRS))})`;
  const whole = sql`json_insert(${first}, ${pairs("$.", MEMBERS.slice(MOST_PAIRS))})`;
  return sql`SELECT id AS subject, json_object('signal', ${whole}) AS metadata
    FROM ${signals} WHERE id = (${which})`;
}

/** D1 lets a function have 32 arguments; the runtime of development lets it have more. */
const MOST_PAIRS = 15;

const iso = (column: string) =>
  sql.raw(`strftime('%Y-%m-%dT%H:%M:%fZ', ${column} / 1000.0, 'unixepoch')`);
const asIs = (column: string) => [column, sql.raw(column)] as const;
const asTime = (column: string) => [column, iso(column)] as const;

/** The members of a signal in the API's answers. */
const MEMBERS: readonly (readonly [name: string, value: SQL])[] = [
  asIs("id"),
  asIs("source"),
  asIs("kind"),
  asIs("severity"),
  asIs("status"),
  asIs("title"),
  asIs("description"),
  asIs("response_time_ms"),
  asIs("error_rate_percent"),
  asIs("downtime_minutes"),
  asIs("metric"),
  asIs("metric_value"),
  asIs("rule_id"),
  asIs("risk_score"),
  asIs("occurrences"),
  asTime("last_seen_at"),
  asIs("assignee_id"),
  asTime("opened_at"),
  asTime("acknowledged_at"),
  asIs("acknowledged_by"),
  asTime("resolved_at"),
  asIs("resolved_by"),
  asTime("updated_at"),
];

/** A severity's place among them, the least first. */
function rank(severity: SQL): SQL {
  const cases = SEVERITIES.map((name, place) => sql`WHEN ${name} THEN ${place}`);
  return sql`CASE ${severity} ${sql.join(cases, sql` `)} END`;
}
