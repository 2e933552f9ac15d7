import type { TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { type Page, paginate } from "../../platform/pagination.ts";
import { Failure } from "../../platform/problems.ts";
import { type AuditEntry, commitAside } from "../../platform/tenancy/index.ts";
import {
  addRejections,
  beginTurn,
  oneRejection,
  type RejectionSum,
  takeRejections,
} from "./rejections.pending.ts";
import {
  countRejections,
  listRejections,
  type RejectionFilters,
  type RejectionRow,
} from "./rejections.repository.ts";
import type { RejectionReason } from "./webhooks.tables.ts";

/** Commits that one request makes for what others were turned away for meanwhile, its own included. */
const MOST_ROUNDS = 3;

/**
 * Counts a delivery that is turned away, then throws `error`. A fault of ours is no rejection.
 * @param service slug; empty where there is no such service
 */
export async function turnAway(
  ctx: TenantCtx,
  service: string,
  reason: RejectionReason,
  error: unknown,
): Promise<never> {
  if (error instanceof Failure) await noteRejections(ctx, service, [reason]);
  throw error;
}

/**
 * Counts deliveries that were turned away. An isolate has one commit of a tenant's under way; what
 * comes meanwhile is added up and goes with the next. So a flood costs its database a commit at a
 * time, and what an isolate had not written when it ended is not counted.
 */
export async function noteRejections(
  ctx: TenantCtx,
  service: string,
  reasons: readonly RejectionReason[],
): Promise<void> {
  const tenant = ctx.realm.id;
  const now = Date.now();
  addRejections(
    tenant,
    reasons.map((reason) => oneRejection(service, reason, now)),
  );
  const endTurn = beginTurn(tenant, now);
  if (!endTurn) return;
  try {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const sums = takeRejections(tenant);
      if (sums.length === 0 || !(await writeDown(ctx, sums))) break;
    }
  } finally {
    endTurn();
  }
}

/** Returns whether the database took it. If nobody can tell, the log has it. */
async function writeDown(ctx: TenantCtx, sums: readonly RejectionSum[]): Promise<boolean> {
  try {
    const [first, ...others] = auditOf(sums);
    if (first) await commitAside(forAll(ctx), [countRejections(sums)], [first, ...others]);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "database-unavailable") {
      // Nothing was changed: the next one brings it along.
      addRejections(ctx.realm.id, sums);
      return false;
    }
    for (const { service, reason, count } of sums) {
      ctx.log.error("rejection not counted", { service, reason, count, ...errorFields(error) });
    }
    return false;
  }
}

/** A row for each service and minute, whoever was turned away and from wherever. */
function auditOf(sums: readonly RejectionSum[]): AuditEntry[] {
  const counts = new Map<string, number>();
  for (const { service, count } of sums) counts.set(service, (counts.get(service) ?? 0) + count);
  return [...counts].map(([service, times]) => ({
    action: "webhook.rejected",
    ...(service === "" ? {} : { target: service }),
    summed: true,
    times,
  }));
}

/** Whoever happens to write is not who was turned away. */
function forAll(ctx: TenantCtx): TenantCtx {
  return {
    ...ctx,
    principal: { kind: "job", name: "webhooks.receive" },
    request: { ...ctx.request, ip: "", userAgent: "" },
  };
}

/** What was turned away, the newest hour first. */
export function listRejected(
  ctx: TenantCtx,
  query: RejectionFilters & { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<RejectionRow>> {
  const { limit, cursor, ...filters } = query;
  return paginate(
    ctx,
    { list: "webhook_rejections", filters, limit, cursor },
    (after, count) => listRejections(ctx.db, filters, after, count),
    (row) => [row.hour.getTime(), row.service, row.reason],
  );
}
