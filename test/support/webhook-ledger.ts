/** Holds what a provider was answered against what is in the tenant's database. */

/** Ids of ours that were answered with 2xx, by the provider's. */
export type Ledger = ReadonlyMap<string, ReadonlySet<string>>;

/** Provider's ids of events with which something is wrong; all lists are empty when nothing is. */
export interface Findings {
  /** Answered with 2xx, and not there or without effect. */
  readonly lost: string[];
  /** Took effect more than once. */
  readonly doubled: string[];
  /** Ended otherwise than planned, or not at all. */
  readonly astray: string[];
  /** Without exactly one payload, or one audit row of their end. */
  readonly misfiled: string[];
  /** Answered with two ids. */
  readonly renamed: string[];
}

interface Row {
  readonly id: string;
  readonly provider_id: string;
  readonly status: string;
  readonly due_at: number | null;
  readonly buried_at: number | null;
  readonly payloads: number;
}

/** @param isPoison whose handler always throws: those end as dead letters, all others completed */
export async function compare(
  database: D1Database,
  ledger: Ledger,
  isPoison: (providerId: string) => boolean,
): Promise<Findings> {
  const [received, effects, audited] = await Promise.all([
    all<Row>(
      database,
      `SELECT id, provider_id, status, due_at, buried_at,
        (SELECT count(*) FROM webhook_payloads WHERE event_id = webhook_events.id) AS payloads
        FROM webhook_events`,
    ),
    countsBy(database, "SELECT subject AS name, count(*) AS count FROM events GROUP BY subject"),
    countsBy(
      database,
      `SELECT action || ' ' || target AS name, count(*) AS count FROM audit_log
        WHERE action LIKE 'webhook.%' GROUP BY action, target`,
    ),
  ]);
  const effectsOf = (id: string) => effects.get(id) ?? 0;
  const auditedOf = (action: string, id: string) => audited.get(`webhook.${action} ${id}`) ?? 0;
  const known = new Map(received.map((row) => [row.id, row]));

  const isLost = ([id, ourIds]: [string, ReadonlySet<string>]) =>
    [...ourIds].some((ourId) => known.get(ourId)?.provider_id !== id) ||
    (!isPoison(id) && effectsOf(id) === 0);
  const endedRightly = ({ provider_id, status, due_at, buried_at }: Row) =>
    due_at === null &&
    (isPoison(provider_id)
      ? status === "dead_letter" && buried_at !== null && effectsOf(provider_id) === 0
      : status === "completed");
  const isFiled = ({ id, provider_id, payloads }: Row) => {
    const dead = isPoison(provider_id) ? 1 : 0;
    return (
      payloads === 1 &&
      auditedOf("completed", id) === 1 - dead &&
      auditedOf("dead_lettered", id) === dead &&
      auditedOf("buried", id) === dead
    );
  };
  const idOf = (row: Row) => row.provider_id;
  return {
    lost: [...ledger].filter(isLost).map(([id]) => id),
    doubled: [...effects].filter(([, count]) => count > 1).map(([id]) => id),
    astray: received.filter((row) => !endedRightly(row)).map(idOf),
    misfiled: received.filter((row) => !isFiled(row)).map(idOf),
    renamed: [...ledger].filter(([, ourIds]) => ourIds.size > 1).map(([id]) => id),
  };
}

async function all<T>(database: D1Database, sql: string): Promise<T[]> {
  return (await database.prepare(sql).all<T>()).results;
}

async function countsBy(database: D1Database, sql: string): Promise<Map<string, number>> {
  const rows = await all<{ readonly name: string; readonly count: number }>(database, sql);
  return new Map(rows.map(({ name, count }) => [name, count]));
}
