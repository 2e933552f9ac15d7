import { and, asc, desc, eq, gt, lt, type SQL, sql } from "drizzle-orm";
import { type Role, rolesWith } from "../../platform/access/permissions.ts";
import type { Keyset } from "../../platform/pagination.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import type { Severity } from "../rules/index.ts";
import { users } from "../users/index.ts";
import {
  type SignalChange,
  type SignalSource,
  type SignalStatus,
  signalChanges,
  signals,
} from "./signals.tables.ts";

export type SignalRow = typeof signals.$inferSelect;

export const ORDERINGS = ["-opened_at", "opened_at", "-risk_score", "risk_score"] as const;
type Ordering = (typeof ORDERINGS)[number];

export interface SignalFilters {
  readonly severity?: Severity | undefined;
  readonly status?: SignalStatus | undefined;
  readonly source?: SignalSource | undefined;
  /** Id of the user who looks after them. */
  readonly assigneeId?: string | undefined;
}

/** Whether the list goes by urgency; otherwise by id, which is the order of opening. */
const isByRisk = (ordering: Ordering) => ordering.endsWith("risk_score");

/** Where a list of this order goes on after a signal. */
export function keysetFor(ordering: Ordering): (row: SignalRow) => Keyset {
  return isByRisk(ordering) ? ({ riskScore, id }) => [riskScore, id] : ({ id }) => [id];
}

/** Signals in this order. */
export function listSignals(
  db: RealmDb,
  filters: SignalFilters,
  ordering: Ordering,
  after: Keyset | null,
  count: number,
): Promise<SignalRow[]> {
  const towards = ordering.startsWith("-") ? desc : asc;
  const { riskScore, id } = signals;
  return db.read((reader) =>
    reader
      .select()
      .from(signals)
      .where(and(chosen(filters), after ? goesOn(after, ordering) : undefined))
      .orderBy(...(isByRisk(ordering) ? [towards(riskScore), towards(id)] : [towards(id)]))
      .limit(count),
  );
}

/**
 * What fits, by the index of one filter, which has the list's order too: that of the assignee, else of
 * the status, unless it is the one that nearly all have in the end.
 */
function chosen({ severity, status, source, assigneeId }: SignalFilters): SQL | undefined {
  const byAssignee = [{ column: signals.assigneeId, value: assigneeId }];
  const byStatus = [{ column: signals.status, value: status }];
  const others = [
    { column: signals.severity, value: severity },
    { column: signals.source, value: source },
  ];
  const few = status !== undefined && status !== "resolved";
  const rest = few ? [...byStatus, ...others] : [...others, ...byStatus];
  const given = [...byAssignee, ...rest].filter(({ value }) => value !== undefined);
  return and(
    ...given.map(({ column, value }, place) =>
      // The plus keeps the planner from the index of a column that does not lead.
      place === 0 ? sql`${column} = ${value}` : sql`+${column} = ${value}`,
    ),
  );
}

function goesOn([first, second]: Keyset, ordering: Ordering): SQL {
  const backwards = ordering.startsWith("-");
  if (isByRisk(ordering)) {
    return sql`(risk_score, id) ${sql.raw(backwards ? "<" : ">")} (${first}, ${second})`;
  }
  return (backwards ? lt : gt)(signals.id, String(first));
}

export async function findSignal(
  db: RealmDb,
  id: string,
  from?: "primary",
): Promise<SignalRow | undefined> {
  const [row] = await db.read(
    (reader) => reader.select().from(signals).where(eq(signals.id, id)),
    from,
  );
  return row;
}

/** What handling a signal writes. */
export type Handled = Partial<
  Pick<
    SignalRow,
    "status" | "assigneeId" | "acknowledgedAt" | "acknowledgedBy" | "resolvedAt" | "resolvedBy"
  >
>;

/** Changes one version of a signal, and tells of it; `conflict` if it is another version by now. */
export function changeSignal(
  { id, version }: SignalRow,
  change: SignalChange,
  handled: Handled,
  at: Date,
): Step[] {
  return [
    {
      statement: write
        .update(signals)
        .set({ ...handled, updatedAt: at, version: version + 1 })
        .where(and(eq(signals.id, id), eq(signals.version, version))),
      expect: 1,
      as: "signals.change",
      otherwise: "conflict",
    },
    {
      // The place in the order is the database's to give.
      statement: write.insert(signalChanges).values({ signalId: id, change, occurredAt: at }),
      expect: 1,
      as: "signal_changes.insert",
    },
  ];
}

/** Nobody is given a signal who was removed, or may not handle it. */
export function requireHandler(userId: string): Step {
  const roles = JSON.stringify(rolesWith("signals:handle"));
  return {
    require: sql`EXISTS (SELECT 1 FROM ${users}
      WHERE ${users.id} = ${userId} AND role IN (SELECT value FROM json_each(${roles})))`,
    as: "users.assignee",
    otherwise: "validation-failed",
  };
}

/** The user's role; undefined if there is no such user. */
export async function findRole(db: RealmDb, userId: string): Promise<Role | undefined> {
  const [row] = await db.read(
    (reader) => reader.select({ role: users.role }).from(users).where(eq(users.id, userId)),
    "primary",
  );
  return row?.role;
}

/** The commit is about this open signal: `conflict` if it was resolved, or never opened. */
export function requireOpen(signalId: string): Step {
  return {
    require: sql`EXISTS (SELECT 1 FROM ${signals}
      WHERE ${signals.id} = ${signalId} AND resolved_at IS NULL)`,
    as: "signals.require_open",
    otherwise: "conflict",
  };
}
