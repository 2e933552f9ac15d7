/** Signals that stand in a tenant's database as if they had been raised and handled. */
import { newId } from "../../src/platform/ids.ts";

interface SignalLine {
  readonly source: string;
  readonly severity: string;
  readonly status: "open" | "acknowledged" | "resolved";
  readonly dedupe_key: string | null;
  readonly downtime_minutes: number | null;
  readonly risk_score: number;
  readonly opened_at: number;
  readonly last_seen_at: number;
  readonly acknowledged_at: number | null;
  readonly resolved_at: number | null;
}

/** Adds a signal with a change; what is left out is usual: low, open, opened and seen now. @returns its id */
export async function addSignal(
  database: D1Database,
  line: Partial<SignalLine> = {},
): Promise<string> {
  const openedAt = line.opened_at ?? Date.now();
  const row = {
    id: newId("signal"),
    source: "sla",
    kind: "sla",
    severity: "low",
    status: "open",
    title: "A signal",
    risk_score: 6.93,
    occurrences: 1,
    opened_at: openedAt,
    last_seen_at: openedAt,
    updated_at: openedAt,
    version: 1,
    ...line,
  };
  const names = Object.keys(row);
  await database.batch([
    database
      .prepare(`INSERT INTO signals (${names.join()}) VALUES (${names.map(() => "?").join()})`)
      .bind(...Object.values(row)),
    database
      .prepare(
        "INSERT INTO signal_changes (signal_id, change, occurred_at) VALUES (?, 'opened', ?)",
      )
      .bind(row.id, openedAt),
  ]);
  return row.id;
}
