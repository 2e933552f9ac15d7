import type { TenantCtx } from "../../platform/context.ts";
import { Failure, type FieldError } from "../../platform/problems.ts";
import { isOverQuota, overQuota, quotasFor } from "../../platform/quotas/refusal.ts";
import { eventsIn } from "../../platform/quotas/usage.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { findActivity } from "../actors/index.ts";
import type { EventRow } from "./events.repository.ts";
import { createdEntry, eventRow, recordActed } from "./record.service.ts";

/** An event as a caller of the API tells it. */
export interface EventInput {
  readonly actor_id: string;
  readonly event_type: string;
  readonly timestamp?: string | undefined;
  readonly subject?: string | null | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
}

const DAY_MS = 86_400_000;
/** How far ahead somebody's clock may be, in minutes. */
const MOST_MINUTES_AHEAD = 5;

/**
 * Records what an actor did, in one trip: that the actor is active is a condition of the statement.
 * @throws Failure `over-quota`, `validation-failed` also for a time or an actor that cannot be
 */
export async function create(ctx: TenantCtx, input: EventInput): Promise<EventRow> {
  const fault = timeFault(ctx, input);
  if (fault) throw invalid(fault);
  const row = postedRow(ctx, input);
  const { events_per_month: quota } = quotasFor(ctx);
  const { steps, ring } = recordActed([row], { otherwise: "validation-failed", quota });
  try {
    await commit(ctx, steps, [createdEntry(row)], row);
  } catch (error) {
    if (quota !== null && isOverQuota(error)) {
      const used = await eventsIn(ctx.db, row.recordedAt);
      throw await overQuota(ctx, "events_per_month", { quota, used });
    }
    if (!(error instanceof Failure && error.code === "validation-failed")) throw error;
    const activity = await findActivity(ctx.db, [input.actor_id]);
    throw invalid(actorFault(input, activity) ?? INACTIVE, error);
  }
  await ring(ctx);
  return row;
}

/** The event of a request, which it is told by. */
export function postedRow(ctx: TenantCtx, input: EventInput): EventRow {
  return eventRow({
    type: input.event_type,
    source: "api",
    sourceId: ctx.request.id,
    subject: input.subject ?? null,
    actorId: input.actor_id,
    occurredAt: input.timestamp === undefined ? new Date() : new Date(input.timestamp),
    metadata: input.metadata ?? {},
  });
}

/** What is wrong with the time of an event. */
export function timeFault(ctx: TenantCtx, { timestamp }: EventInput): FieldError | null {
  if (timestamp === undefined) return null;
  const days = ctx.settings.EVENT_DAYS;
  const age = Date.now() - Date.parse(timestamp);
  const of = (message: string) => ({ pointer: "/timestamp", message });
  if (Number.isNaN(age)) return of("is no time that there is");
  if (age < -MOST_MINUTES_AHEAD * 60_000) {
    return of(`must not be more than ${MOST_MINUTES_AHEAD} minutes ahead`);
  }
  return age > days * DAY_MS ? of(`must not be more than ${days} days ago`) : null;
}

const INACTIVE: FieldError = { pointer: "/actor_id", message: "names an actor that is not active" };

/** What is wrong with the actor of an event. */
export function actorFault(
  { actor_id }: EventInput,
  activity: ReadonlyMap<string, boolean>,
): FieldError | null {
  const active = activity.get(actor_id);
  if (active) return null;
  return active === false ? INACTIVE : { pointer: "/actor_id", message: "names no actor" };
}

function invalid(fault: FieldError, cause?: unknown): Failure {
  return new Failure("validation-failed", "Some values are not valid.", {
    errors: [fault],
    ...(cause ? { cause } : {}),
  });
}
