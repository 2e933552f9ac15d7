import { and, eq, isNull, sql } from "drizzle-orm";
import { type RealmDb, realm } from "../../platform/tenancy/index.ts";
import type { SignalRow } from "./signals.repository.ts";
import { signals } from "./signals.tables.ts";
import type { SlaSettings } from "./sla.ts";

/** What a signal is judged by as it is opened. */
export interface Risk {
  readonly sla: SlaSettings;
  readonly windowMinutes: number;
  /** How many of a kind are not resolved and were opened within the window; none: left out. */
  readonly open: Readonly<Record<string, number>>;
}

/** The company's settings, and the open signals of each kind in the window: one trip. */
export async function readRisk(db: RealmDb, kinds: readonly string[], now: Date): Promise<Risk> {
  return (await readRiskAnd(db, kinds, {}, now)).risk;
}

/** A signal that may be over. */
export type OpenSignal = Pick<SignalRow, "id" | "severity">;

/** What is looked for in the trip that reads the risk. */
interface Sought {
  /** The open signal of this key. */
  readonly dedupeKey?: string | null;
  /** The oldest that are not resolved of each of these kinds, at most so many of each. */
  readonly oldest?: { readonly kinds: readonly string[]; readonly most: number };
}

export interface Standing {
  readonly risk: Risk;
  readonly there: SignalRow | null;
  /** The first opened first; a kind that was not asked for is left out. */
  readonly oldest: Readonly<Record<string, readonly OpenSignal[]>>;
}

/** The same, and in the same trip what else is sought. */
export async function readRiskAnd(
  db: RealmDb,
  kinds: readonly string[],
  { dedupeKey, oldest = { kinds: [], most: 0 } }: Sought,
  now: Date,
): Promise<Standing> {
  const open = sql<string>`(SELECT json_group_object(kind, many) FROM (
    SELECT kind, count(*) AS many FROM ${signals} INDEXED BY signals_kind
    WHERE kind IN (SELECT value FROM json_each(${JSON.stringify(kinds)})) AND resolved_at IS NULL
      AND opened_at > ${now.getTime()} - ${realm.evaluationWindowMinutes} * 60000
    GROUP BY kind))`;
  const eldest = sql<string>`(SELECT json_group_object(wanted.value, json((
      SELECT json_group_array(json_object('id', id, 'severity', severity)) FROM (
        SELECT id, severity FROM ${signals} INDEXED BY signals_kind
        WHERE kind = wanted.value AND resolved_at IS NULL
        ORDER BY opened_at LIMIT ${oldest.most}))))
    FROM json_each(${JSON.stringify(oldest.kinds)}) AS wanted)`;
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
          oldest: eldest,
          there: signals,
        })
        .from(realm)
        .leftJoin(signals, and(eq(signals.dedupeKey, dedupeKey ?? ""), isNull(signals.resolvedAt)))
        .limit(1),
    "primary",
  );
  if (!row) throw new Error(`The database of ${db.realmId} has no realm.`);
  const { there, open: counts, oldest: found, ...settings } = row;
  return {
    risk: { ...settings, open: JSON.parse(counts) as Risk["open"] },
    there,
    oldest: JSON.parse(found) as Standing["oldest"],
  };
}
