import { and, eq, ne, sql } from "drizzle-orm";
import { noteRetry } from "../../platform/jobs/drain-row.ts";
import { type Step, write } from "../../platform/tenancy/index.ts";
import { webhookAttempts, webhookDrain, webhookEvents } from "./webhooks.tables.ts";

/** How an attempt ended. */
export type Ending =
  | { readonly status: "completed" }
  | { readonly status: "failed"; readonly error: string; readonly dueAt: Date }
  /** Put off, because a service is left in peace: no attempt is used. */
  | { readonly status: "pending"; readonly error: string; readonly dueAt: Date }
  | { readonly status: "dead_letter"; readonly error: string };

const OUTCOMES = {
  completed: "completed",
  failed: "failed",
  dead_letter: "failed",
  pending: "postponed",
} as const;

/**
 * Ends an attempt, if its lease is still the event's; otherwise fails with `event-state`, and
 * with it all that the commit would have changed.
 */
export function endAttempt(eventId: string, lease: string, ending: Ending, at: Date): Step[] {
  const { status } = ending;
  const error = ending.status === "completed" ? null : ending.error;
  const dueAt = "dueAt" in ending ? ending.dueAt : null;
  const isUsed = status === "failed" || status === "dead_letter";
  return [
    {
      statement: write
        .update(webhookEvents)
        .set({
          status,
          ...(isUsed ? { attemptsLeft: sql`max(0, attempts_left - 1)` } : {}),
          lease: null,
          lastError: error,
          dueAt,
          endedAt: dueAt === null ? at : null,
          // Its commit is followed by the message.
          toldAt: status === "dead_letter" ? at : null,
        })
        .where(and(eq(webhookEvents.id, eventId), eq(webhookEvents.lease, lease))),
      expect: 1,
      as: "webhook_events.end",
      otherwise: "event-state",
    },
    {
      statement: write
        .update(webhookAttempts)
        .set({ endedAt: at, outcome: OUTCOMES[status], error })
        .where(and(eq(webhookAttempts.eventId, eventId), eq(webhookAttempts.lease, lease))),
      expect: 1,
      as: "webhook_attempts.end",
    },
    ...(status === "pending" ? [dropPostponed(eventId, lease)] : []),
    ...(dueAt === null ? [] : [noteRetry(webhookDrain, dueAt, at)]),
  ];
}

/** A service may be left in peace for days: of all the times that an event was put off, the last stays. */
function dropPostponed(eventId: string, lease: string): Step {
  return {
    statement: write
      .delete(webhookAttempts)
      .where(
        and(
          eq(webhookAttempts.eventId, eventId),
          eq(webhookAttempts.outcome, "postponed"),
          ne(webhookAttempts.lease, lease),
        ),
      ),
    expect: "any",
    as: "webhook_attempts.drop_postponed",
  };
}

/**
 * Gives back what a lease holds and nobody began with: due at once, as if it had not been taken.
 * What is another's by now is left alone.
 */
export function giveBack(eventIds: readonly string[], lease: string, dueAt: Date): Step[] {
  const listed = sql`(SELECT value FROM json_each(${JSON.stringify(eventIds)}))`;
  const { attempts } = webhookEvents;
  return [
    {
      statement: write.delete(webhookAttempts).where(
        and(
          eq(webhookAttempts.lease, lease),
          sql`${webhookAttempts.eventId} IN ${listed}
          AND (SELECT lease FROM webhook_events WHERE id = event_id) = ${lease}`,
        ),
      ),
      expect: "any",
      as: "webhook_attempts.give_back",
    },
    {
      statement: write
        .update(webhookEvents)
        .set({ status: "pending", lease: null, dueAt, attempts: sql`${attempts} - 1` })
        .where(and(eq(webhookEvents.lease, lease), sql`${webhookEvents.id} IN ${listed}`)),
      expect: "any",
      as: "webhook_events.give_back",
    },
  ];
}
