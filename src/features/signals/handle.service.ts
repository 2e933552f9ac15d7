import { principalName } from "../../platform/access/principal.ts";
import type { TenantCtx } from "../../platform/context.ts";
import { onceMore } from "../../platform/once-more.ts";
import { Failure } from "../../platform/problems.ts";
import { type AuditEntry, commit, type Step } from "../../platform/tenancy/index.ts";
import { thisOne } from "./raise.repository.ts";
import { NOTHING, type Part, ringAll, told } from "./raise.ts";
import {
  changeSignal,
  findRole,
  type Handled,
  requireHandler,
  type SignalRow,
} from "./signals.repository.ts";
import { get } from "./signals.service.ts";
import type { SignalChange } from "./signals.tables.ts";

/** What somebody does with a signal. */
interface Handling {
  readonly change: SignalChange;
  readonly sets: Handled;
  /** Of the audit row. */
  readonly details?: AuditEntry["details"];
  /** Must hold in the same commit. */
  readonly require?: Step;
  /** What destinations are told. */
  readonly event?: Part;
}

/**
 * Says that somebody has seen it. What is acknowledged already stays as it is.
 * @throws Failure `not-found`; `signal-state` for one that is resolved
 */
export function acknowledge(ctx: TenantCtx, id: string): Promise<SignalRow> {
  return handle(ctx, id, (before, at) => {
    requireUnresolved(before, "acknowledged");
    if (before.status === "acknowledged") return null;
    const acknowledgedBy = principalName(ctx.principal);
    return {
      change: "acknowledged",
      sets: { status: "acknowledged", acknowledgedAt: at, acknowledgedBy },
    };
  });
}

/**
 * Says who looks after it; null: nobody.
 * @throws Failure `not-found`; `signal-state` for one that is resolved; `validation-failed` when there
 *   is no such user, or one who may not handle signals
 */
export async function assign(
  ctx: TenantCtx,
  id: string,
  assigneeId: string | null,
): Promise<SignalRow> {
  try {
    return await handle(ctx, id, (before) => {
      requireUnresolved(before, "assigned");
      if (before.assigneeId === assigneeId) return null;
      return {
        change: "assigned",
        sets: { assigneeId },
        details: { old: before.assigneeId, new: assigneeId },
        ...(assigneeId === null ? {} : { require: requireHandler(assigneeId) }),
      };
    });
  } catch (cause) {
    const isRefused = cause instanceof Failure && cause.code === "validation-failed";
    if (!isRefused || assigneeId === null) throw cause;
    const isThere = (await findRole(ctx.db, assigneeId)) !== undefined;
    const message = isThere ? "may not handle signals" : "is no user of this tenant";
    const errors = [{ pointer: "/user_id", message }];
    throw new Failure("validation-failed", "Some values are not valid.", { errors, cause });
  }
}

/**
 * Says that it is over. What is resolved already stays as it is.
 * @param note for the audit log
 * @throws Failure `not-found`
 */
export function resolve(ctx: TenantCtx, id: string, note?: string): Promise<SignalRow> {
  return handle(ctx, id, (before, at) => {
    if (before.status === "resolved") return null;
    const resolvedBy = principalName(ctx.principal);
    const isCritical = before.severity === "critical";
    return {
      change: "resolved",
      sets: { status: "resolved", resolvedAt: at, resolvedBy },
      ...(note === undefined ? {} : { details: { note } }),
      ...(isCritical ? { event: told("signal.resolved", thisOne(id), at) } : {}),
    };
  });
}

/**
 * Reads a signal and changes that version of it; of several at once, each sees what the others made.
 * @param decide null: nothing is to be done
 */
function handle(
  ctx: TenantCtx,
  id: string,
  decide: (before: SignalRow, at: Date) => Handling | null,
): Promise<SignalRow> {
  return onceMore(async () => {
    const before = await get(ctx, id, "primary");
    const at = new Date();
    const handling = decide(before, at);
    if (handling === null) return before;
    const { change, sets, details, require, event = NOTHING } = handling;
    const after = { ...before, ...sets, updatedAt: at, version: before.version + 1 };
    const result = await commit(
      ctx,
      [...(require ? [require] : []), ...changeSignal(before, change, sets, at), ...event.steps],
      [{ action: `signal.${change}`, target: id, ...(details ? { details } : {}) }, ...event.audit],
      after,
    );
    await ringAll(ctx, event);
    return result;
  });
}

function requireUnresolved({ status }: SignalRow, done: string): void {
  if (status !== "resolved") return;
  throw new Failure("signal-state", `A signal that is resolved cannot be ${done}.`);
}
