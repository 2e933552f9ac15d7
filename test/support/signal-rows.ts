/** Signals as they stand in a tenant's database. */
import type { QuietHouse } from "./quiet-house.ts";

export interface SignalRow {
  readonly id: string;
  readonly source: string;
  readonly kind: string;
  readonly severity: string;
  readonly status: string;
  readonly title: string;
  readonly description: string | null;
  readonly dedupe_key: string | null;
  readonly occurrences: number;
  readonly opened_at: number;
  readonly last_seen_at: number;
  readonly resolved_at: number | null;
  readonly resolved_by: string | null;
}

type Database = Pick<QuietHouse, "database">;

/** All signals of a kind, the first one first. */
export async function signalsOf({ database }: Database, kind: string): Promise<SignalRow[]> {
  const { results } = await database
    .prepare("SELECT * FROM signals WHERE kind = ? ORDER BY id")
    .bind(kind)
    .all<SignalRow>();
  return results;
}

/** What the streams are told of a signal, in its order. */
export async function changesOf({ database }: Database, id: string): Promise<string[]> {
  const rows = await database
    .prepare("SELECT change FROM signal_changes WHERE signal_id = ? ORDER BY seq")
    .bind(id)
    .raw();
  return rows.map(([change]) => String(change));
}

/** As somebody does who has seen to it. */
export async function resolveByHand({ database }: Database, id: string, at: number): Promise<void> {
  await database
    .prepare("UPDATE signals SET status = 'resolved', resolved_at = ? WHERE id = ?")
    .bind(at, id)
    .run();
}
