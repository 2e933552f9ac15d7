import { sql } from "drizzle-orm";
import { type RealmDb, realm } from "../../platform/tenancy/index.ts";
import type { Severity } from "../rules/index.ts";
import { type SignalSource, type SignalStatus, signals } from "../signals/index.ts";

/** Counts of the signals that are kept, and what they say of downtime. */
export interface Counts {
  readonly total: number;
  readonly critical: number;
  readonly warning: number;
  /** Sum of the downtime that was reported since the time that was asked for. */
  readonly downtimeMinutes: number;
  readonly tenantSince: Date;
}

/** All of it in one trip; counting reads an index, not the signals. */
export async function countSignals(db: RealmDb, since: Date): Promise<Counts> {
  const kept = sql`SELECT count(*) FROM ${signals}`;
  const [row] = await db.read((reader) =>
    reader
      .select({
        total: sql<number>`(${kept})`,
        critical: sql<number>`(${kept} WHERE severity = 'critical')`,
        warning: sql<number>`(${kept} WHERE severity = 'warning')`,
        downtimeMinutes: sql<number>`(SELECT total(downtime_minutes) FROM ${signals}
          WHERE downtime_minutes IS NOT NULL AND opened_at >= ${since.getTime()})`,
        tenantSince: realm.createdAt,
      })
      .from(realm),
  );
  if (!row) throw new Error(`The database of ${db.realmId} has no realm.`);
  return row;
}

/** So many signals that are not resolved are alike in this. */
export interface Unresolved {
  readonly status: Exclude<SignalStatus, "resolved">;
  readonly severity: Severity;
  readonly source: SignalSource;
  readonly many: number;
}

/** What became of the signals of a time; means are null where there is nothing to take them of. */
export interface Period {
  readonly opened: number;
  readonly acknowledgeSeconds: number | null;
  readonly resolveSeconds: number | null;
  readonly meanRisk: number | null;
  readonly maxRisk: number | null;
}

/** What is not resolved now, and the signals that were opened from one time until before another. */
export async function measureSignals(
  db: RealmDb,
  from: Date,
  to: Date,
): Promise<{ readonly unresolved: readonly Unresolved[]; readonly period: Period }> {
  const unresolved = sql<string>`(SELECT json_group_array(json_object(
      'status', status, 'severity', severity, 'source', source, 'many', many))
    FROM (SELECT status, severity, source, count(*) AS many
      FROM ${signals} INDEXED BY signals_status WHERE status IN ('open', 'acknowledged')
      GROUP BY status, severity, source))`;
  const period = sql<string>`(SELECT json_object(
      'opened', count(*),
      'acknowledgeSeconds', avg(acknowledged_at - opened_at) / 1000,
      'resolveSeconds', avg(resolved_at - opened_at) / 1000,
      'meanRisk', avg(risk_score),
      'maxRisk', max(risk_score))
    FROM ${signals} INDEXED BY signals_opened
    WHERE opened_at >= ${from.getTime()} AND opened_at < ${to.getTime()})`;
  const [row] = await db.read((reader) => reader.select({ unresolved, period }).from(realm));
  if (!row) throw new Error(`The database of ${db.realmId} has no realm.`);
  return { unresolved: JSON.parse(row.unresolved), period: JSON.parse(row.period) };
}
