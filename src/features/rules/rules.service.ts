import type { TenantCtx } from "../../platform/context.ts";
import { newId } from "../../platform/ids.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { type IfMatch, lostRace, requireVersion } from "../../platform/preconditions.ts";
import { Failure } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import {
  atMost,
  deleteRule,
  findRule,
  insertRule,
  listRules,
  MOST_RULES,
  type RuleFilters,
  type RuleRow,
  updateRule,
} from "./rules.repository.ts";
import { thresholdFault } from "./threshold.ts";

/** What callers may set. */
export interface RuleInput {
  readonly metric: string;
  readonly operator: RuleRow["operator"];
  readonly threshold: number;
  readonly duration_seconds: number;
  readonly severity: RuleRow["severity"];
  readonly active: boolean;
}
type RuleInputChanges = { readonly [K in keyof RuleInput]?: RuleInput[K] | undefined };

/** A rule that was held against nothing yet. */
const FRESH = { breachedSince: null, lastSampleAt: null } as const;

export function list(
  ctx: TenantCtx,
  query: RuleFilters & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<RuleRow>> {
  const { limit, cursor, ...filters } = query;
  return paginate(
    ctx,
    { list: "signal-rules", filters, limit, cursor },
    (after, count) => listRules(ctx.db, filters, after, count),
    (row) => [row.id],
  );
}

/** @throws Failure `not-found` */
export async function get(ctx: TenantCtx, id: string, from?: "primary"): Promise<RuleRow> {
  const rule = await findRule(ctx.db, id, from);
  if (!rule) throw new Failure("not-found");
  return rule;
}

/** @throws Failure `validation-failed`, also when there are {@link MOST_RULES} already */
export async function create(ctx: TenantCtx, input: RuleInput): Promise<RuleRow> {
  requirePossible(input);
  const now = new Date();
  const row: RuleRow = {
    id: newId("rule"),
    ...columnsOf(input),
    ...FRESH,
    createdAt: now,
    updatedAt: now,
    version: 1,
    stateVersion: 0,
  };
  const entry = { action: "signal_rule.created", target: row.id, details: { new: describe(row) } };
  try {
    return await commit(ctx, [insertRule(row), atMost(MOST_RULES)], [entry], row);
  } catch (error) {
    if (!(error instanceof Failure && error.code === "validation-failed")) throw error;
    const detail = `There are ${MOST_RULES} rules already, and no more are kept.`;
    throw new Failure("validation-failed", detail, { cause: error });
  }
}

/**
 * Changes a rule. Where that makes another condition of it, or switches it on, it begins anew: what it
 * was held against before says nothing of it.
 * @throws Failure `not-found`, `precondition-failed`, `conflict`, `validation-failed`
 */
export async function update(
  ctx: TenantCtx,
  id: string,
  changes: RuleInputChanges,
  ifMatch: IfMatch,
): Promise<RuleRow> {
  const before = await get(ctx, id, "primary");
  requireVersion(ifMatch, before.version);
  const old = describe(before);
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  const input: RuleInput = { ...old, ...Object.fromEntries(given) };
  requirePossible(input);
  // An evaluation may set the other columns meanwhile.
  const changed = {
    ...columnsOf(input),
    ...(beginsAnew(old, input) ? FRESH : {}),
    updatedAt: new Date(),
    version: before.version + 1,
  };
  return commit(
    ctx,
    [updateRule(id, before.version, changed, lostRace(ifMatch))],
    [{ action: "signal_rule.updated", target: id, details: { old, new: input } }],
    { ...before, ...changed },
  );
}

/** @throws Failure `not-found`, `precondition-failed`, `conflict` */
export async function remove(ctx: TenantCtx, id: string, ifMatch: IfMatch): Promise<void> {
  const before = await get(ctx, id, "primary");
  requireVersion(ifMatch, before.version);
  await commit(
    ctx,
    [deleteRule(id, before.version, lostRace(ifMatch))],
    [{ action: "signal_rule.deleted", target: id, details: { old: describe(before) } }],
  );
}

/** Its values one by one may be good, and say together what never happens. */
function requirePossible(input: RuleInput): void {
  const fault = thresholdFault(input);
  if (fault === null) return;
  const errors = [{ pointer: "/threshold", message: fault }];
  throw new Failure("validation-failed", "Some values are not valid.", { errors });
}

function beginsAnew(old: RuleInput, next: RuleInput): boolean {
  const condition = ["metric", "operator", "threshold", "duration_seconds"] as const;
  return condition.some((name) => old[name] !== next[name]) || (next.active && !old.active);
}

function columnsOf({ duration_seconds, metric, operator, threshold, severity, active }: RuleInput) {
  return { metric, operator, threshold, durationSeconds: duration_seconds, severity, active };
}

function describe({ durationSeconds, ...row }: RuleRow): RuleInput {
  const { metric, operator, threshold, severity, active } = row;
  return { metric, operator, threshold, duration_seconds: durationSeconds, severity, active };
}
