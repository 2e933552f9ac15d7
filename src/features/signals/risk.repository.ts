import { and, eq, isNull, sql } from "drizzle-orm";
import { type RealmDb, realm } from "../../platform/tenancy/index.ts";
import { signals } from "./signals.tables.ts";
import type { SlaSettings } from "./sla.ts";

export type SignalRow = typeof signals.$inferSelect;

/** What a signal is judged by as it is opened. */
export interface Risk {
  readonly sla: SlaSettings;
  readonly windowMinutes: number;
  /** How many of a kind are not resolved and were opened within the window; none: left out. */
  readonly open: Readonly<Record<string, number>>;
}

/** The company's settings, and the open signals of each kind in the window: one trip. */
export async function readRisk(db: RealmDb, kinds: readonly string[], now: Date): Promise<Risk> {
  return (await readRiskAnd(db, kinds, null, now)).risk;
}

/** The same, and in the same trip the open signal of this key. */
export async function readRiskAnd(
  db: RealmDb,
  kinds: readonly string[],
  dedupeKey: string | null,
  now: Date,
): Promise<{ risk: Risk; there: SignalRow | null }> {
  const open = sql<string>`(SELECT json_group_object(kind, many) FROM (
    SELECT kind, count(*) AS many FROM ${signals} INDEXED BY signals_kind
    WHERE kind IN (SELECT value FROM json_each(${JSON.stringify(kinds)})) AND resolved_at IS NULL
      AND opened_at > ${now.getTime()} - ${realm.evaluationWindowMinutes} * 60000
    GROUP BY kind))`;
  const [row] = await db.read(
    (reader) =>
      reader
        .select({
          sla: {
            responseTimeMs: realm.slaResponseTimeMs,
            errorRatePercent: realm.slaErrorRatePercent,
            downtimeMinutes: realm.slaDowntimeMinutes,
          },
          windowMinutes: realm.evaluationWindowMinutes,
          open,
          there: signals,
        })
        .from(realm)
        .leftJoin(signals, and(eq(signals.dedupeKey, dedupeKey ?? ""), isNull(signals.resolvedAt)))
        .limit(1),
    "primary",
  );
  if (!row) throw new Error(`The database of ${db.realmId} has no realm.`);
  const { there, open: counts, ...settings } = row;
  return { risk: { ...settings, open: JSON.parse(counts) as Risk["open"] }, there };
}
