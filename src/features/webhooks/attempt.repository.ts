import { and, eq, gt, isNull, lte, or, sql } from "drizzle-orm";
import { type Step, write } from "../../platform/tenancy/index.ts";
import { webhookAttempts, webhookDrain, webhookEvents } from "./webhooks.tables.ts";

/** How an attempt ended. */
export type Ending =
  | { readonly status: "completed" }
  | { readonly status: "failed"; readonly error: string; readonly dueAt: Date }
  | { readonly status: "dead_letter"; readonly error: string };

/**
 * Ends an attempt, if its lease is still the event's; otherwise fails with `event-state`, and
 * with it all that the commit would have changed.
 */
export function endAttempt(eventId: string, lease: string, ending: Ending, at: Date): Step[] {
  const error = ending.status === "completed" ? null : ending.error;
  return [
    {
      statement: write
        .update(webhookEvents)
        .set({
          status: ending.status,
          ...(ending.status === "completed"
            ? {}
            : { attemptsLeft: sql`max(0, attempts_left - 1)` }),
          lease: null,
          lastError: error,
          dueAt: ending.status === "failed" ? ending.dueAt : null,
          endedAt: ending.status === "failed" ? null : at,
          // Its commit is followed by the message.
          toldAt: ending.status === "dead_letter" ? at : null,
        })
        .where(and(eq(webhookEvents.id, eventId), eq(webhookEvents.lease, lease))),
      expect: 1,
      as: "webhook_events.end",
      otherwise: "event-state",
    },
    {
      statement: write
        .update(webhookAttempts)
        .set({
          endedAt: at,
          outcome: ending.status === "completed" ? "completed" : "failed",
          error,
        })
        .where(and(eq(webhookAttempts.eventId, eventId), eq(webhookAttempts.lease, lease))),
      expect: 1,
      as: "webhook_attempts.end",
    },
    ...(ending.status === "failed" ? [noteRetry(ending.dueAt, at)] : []),
  ];
}

/** The consumer will ring for this time, unless a bell that rings before is under way. */
function noteRetry(dueAt: Date, at: Date): Step {
  const { retryRungFor } = webhookDrain;
  return {
    statement: write
      .update(webhookDrain)
      .set({ retryRungFor: dueAt })
      .where(or(isNull(retryRungFor), lte(retryRungFor, at), gt(retryRungFor, dueAt))),
    expect: "any",
    as: "webhook_drain.retry",
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
