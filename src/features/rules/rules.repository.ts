import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { Keyset } from "../../platform/pagination.ts";
import type { ProblemCode } from "../../platform/problems.ts";
import { type RealmDb, type Step, write } from "../../platform/tenancy/index.ts";
import { signalRules } from "./rules.tables.ts";

export type RuleRow = typeof signalRules.$inferSelect;

/** So many rules a tenant may have: each value of a metric may be held against all of them. */
export const MOST_RULES = 100;

export interface RuleFilters {
  readonly metric?: string | undefined;
  readonly active?: boolean | undefined;
}

/** Rules, the oldest first. */
export function listRules(
  db: RealmDb,
  { metric, active }: RuleFilters,
  after: Keyset | null,
  count: number,
): Promise<RuleRow[]> {
  return db.read((reader) =>
    reader
      .select()
      .from(signalRules)
      .where(
        and(
          metric === undefined ? undefined : eq(signalRules.metric, metric),
          active === undefined ? undefined : eq(signalRules.active, active),
          after ? gt(signalRules.id, String(after[0])) : undefined,
        ),
      )
      .orderBy(asc(signalRules.id))
      .limit(count),
  );
}

export async function findRule(
  db: RealmDb,
  id: string,
  from?: "primary",
): Promise<RuleRow | undefined> {
  const [row] = await db.read(
    (reader) => reader.select().from(signalRules).where(eq(signalRules.id, id)),
    from,
  );
  return row;
}

export function insertRule(row: RuleRow): Step {
  return { statement: write.insert(signalRules).values(row), expect: 1, as: "signal_rules.insert" };
}

/** Fails with `validation-failed` when there are more than so many. */
export function atMost(count: number): Step {
  return {
    require: sql`(SELECT count(*) FROM ${signalRules}) <= ${count}`,
    as: "signal_rules.count",
    otherwise: "validation-failed",
  };
}

/** What callers may change, and what follows from that. */
export type RuleChanges = Omit<RuleRow, "id" | "createdAt" | "stateVersion">;

/** An evaluation that has read the rule as it was comes to nothing, and reads it again. */
export function updateRule(
  id: string,
  fromVersion: number,
  changes: Partial<RuleChanges>,
  otherwise: ProblemCode,
): Step {
  return {
    statement: write
      .update(signalRules)
      .set({ ...changes, stateVersion: sql`state_version + 1` })
      .where(and(eq(signalRules.id, id), eq(signalRules.version, fromVersion))),
    expect: 1,
    as: "signal_rules.update",
    otherwise,
  };
}

export function deleteRule(id: string, fromVersion: number, otherwise: ProblemCode): Step {
  return {
    statement: write
      .delete(signalRules)
      .where(and(eq(signalRules.id, id), eq(signalRules.version, fromVersion))),
    expect: 1,
    as: "signal_rules.delete",
    otherwise,
  };
}
