import { and, eq, type SQL, sql } from "drizzle-orm";
import { noteRetry } from "../../platform/jobs/drain-row.ts";
import { type Step, write } from "../../platform/tenancy/index.ts";
import {
  deliveries,
  deliveryAttempts,
  deliveryDrain,
  destinations,
} from "./destinations.tables.ts";

/** A delivery in somebody's hands. */
export interface Leased {
  readonly id: string;
  readonly lease: string | null;
}

/** What an attempt came to. */
export interface Ending {
  readonly outcome: "delivered" | "failed";
  /** Null where there was no answer. */
  readonly responseStatus: number | null;
  readonly durationMs: number | null;
  readonly error: string | null;
  readonly responseText: string | null;
  /** When it is tried again; null: it has ended. */
  readonly dueAt: Date | null;
}

/**
 * Ends an attempt, if its lease is still the delivery's; otherwise fails with `delivery-state`, and
 * with it all that the commit would have changed. What failed for a destination that is disabled by
 * now is not tried again.
 */
export function endAttempt(of: Leased, ending: Ending, at: Date): Step[] {
  const { outcome, responseStatus, durationMs, error, responseText, dueAt } = ending;
  const used = outcome === "failed" ? { tries: sql`tries + 1` } : {};
  return [
    {
      statement: write
        .update(deliveries)
        .set({
          ...(dueAt ? waiting(dueAt, at) : ended(outcome, at)),
          ...used,
          leases: 0,
          responseStatus,
          lastError: error,
        })
        .where(isHeld(of)),
      expect: 1,
      as: "deliveries.end",
      otherwise: "delivery-state",
    },
    {
      statement: write
        .update(deliveryAttempts)
        .set({ endedAt: at, outcome, responseStatus, durationMs, error, responseText })
        .where(isAttempt(of)),
      expect: 1,
      as: "delivery_attempts.end",
    },
    ...(dueAt ? [noteRetry(deliveryDrain, dueAt, at)] : []),
  ];
}

const ended = (status: "delivered" | "failed", at: Date) => ({
  status,
  lease: null,
  dueAt: null,
  endedAt: at,
});

function waiting(dueAt: Date, at: Date) {
  const isEnabled = sql`(SELECT status FROM ${destinations} WHERE id = destination_id) = 'enabled'`;
  return {
    status: sql`CASE WHEN ${isEnabled} THEN 'pending' ELSE 'failed' END`,
    lease: null,
    dueAt: sql`CASE WHEN ${isEnabled} THEN ${dueAt.getTime()} END`,
    endedAt: sql`CASE WHEN ${isEnabled} THEN NULL ELSE ${at.getTime()} END`,
  };
}

/**
 * Undoes that an attempt began, where none was made: the delivery is due again later, or has failed
 * for good.
 */
export function withdrawAttempt(
  of: Leased,
  then: { readonly dueAt: Date; readonly why: string | null } | { readonly failed: string },
  at: Date,
): Step[] {
  const why = "dueAt" in then ? then.why : then.failed;
  const next =
    "dueAt" in then
      ? ({ status: "pending", lease: null, dueAt: then.dueAt } as const)
      : ended("failed", at);
  const changes = {
    ...next,
    ...(why === null ? {} : { lastError: why }),
    attempts: sql`attempts - 1`,
    leases: 0,
  };
  return undo(isAttempt(of), changes, isHeld(of), 1);
}

/** Gives back what a lease holds and nobody began with: due at once, as if it had not been taken. */
export function giveBack(ids: readonly string[], lease: string, dueAt: Date): Step[] {
  const listed = sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`;
  const attempts = and(
    eq(deliveryAttempts.lease, lease),
    sql`${deliveryAttempts.deliveryId} IN ${listed}
      AND (SELECT lease FROM deliveries WHERE id = delivery_id) = ${lease}`,
  );
  const held = and(eq(deliveries.lease, lease), sql`${deliveries.id} IN ${listed}`);
  const oneLess = { attempts: sql`attempts - 1`, leases: sql`leases - 1` };
  return undo(attempts, { status: "pending", lease: null, dueAt, ...oneLess }, held, "any");
}

function undo(
  attempts: SQL | undefined,
  changes: Parameters<ReturnType<typeof write.update<typeof deliveries>>["set"]>[0],
  held: SQL | undefined,
  expect: 1 | "any",
): Step[] {
  return [
    {
      statement: write.delete(deliveryAttempts).where(attempts),
      expect: "any",
      as: "delivery_attempts.give_back",
    },
    {
      statement: write.update(deliveries).set(changes).where(held),
      expect,
      as: "deliveries.give_back",
      otherwise: "delivery-state",
    },
  ];
}

const isHeld = ({ id, lease }: Leased) =>
  and(eq(deliveries.id, id), eq(deliveries.lease, lease ?? ""));
const isAttempt = ({ id, lease }: Leased) =>
  and(eq(deliveryAttempts.deliveryId, id), eq(deliveryAttempts.lease, lease ?? ""));
