import type { TenantCtx } from "../../platform/context.ts";
import { type Backoff, pauseMs } from "../../platform/jobs/backoff.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { Failure, PROBLEMS } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { type Ending, endAttempt } from "./attempt.repository.ts";
import { bury } from "./dead-letters.service.ts";
import { type ClaimedRow, findPayload } from "./drain.repository.ts";
import type { DrainOptions } from "./drain.service.ts";
import { type Effect, EventError, handlerFor } from "./handling.ts";
import { readStored } from "./stored-payload.ts";

/** Pauses between attempts: up to 10 s after the first, up to an hour later on. */
const BACKOFF: Backoff = { baseMs: 10_000, capMs: 3_600_000 };
/** Letters of an error that are kept. */
const ERROR_LETTERS = 500;
/** So many leases, more than it has attempts, may an event lose one after the other: faults of ours. */
const LOST_LEASES = 3;

/**
 * One attempt at one event. Its effect, its completion and their audit rows are one commit, which
 * holds only while the lease does: whoever lost it changes nothing.
 */
export async function attempt(
  ctx: TenantCtx,
  row: ClaimedRow,
  { handlers, random }: DrainOptions,
): Promise<void> {
  const { event } = row;
  try {
    const effect = await effectOf(ctx, row, handlers);
    const ending = { status: "completed" } as const;
    await commit(
      ctx,
      [...end(row, ending), ...effect.steps],
      [{ action: "webhook.completed", target: event.id }, ...effect.audit],
    );
  } catch (error) {
    if (!isLost(error)) return fail(ctx, row, error, random());
    // Nothing is known to be wrong with the event: when the lease ends it is taken up again.
    ctx.log.warn("webhook attempt lost", { event: event.id, ...errorFields(error) });
  }
}

async function effectOf(
  ctx: TenantCtx,
  row: ClaimedRow,
  handlers: DrainOptions["handlers"],
): Promise<Effect> {
  const { id, service, type, receivedAt } = row.event;
  if (isGivenUp(row)) throw new EventError("The last attempt began and never ended.");
  const handler = handlerFor(handlers, type);
  if (!handler) throw new EventError(`Nothing handles events of the type ${type}.`);
  const payload = await payloadOf(ctx, row);
  return handler.handle(ctx, { id, service, type, receivedAt, payload });
}

async function payloadOf(ctx: TenantCtx, row: ClaimedRow): Promise<unknown> {
  const { kind, text } = row;
  if (kind !== null && text !== null) return readStored({ kind, text });
  const whole = await findPayload(ctx.db, row.event.id);
  if (!whole) throw new EventError("The payload is not kept any more.");
  return readStored(whole);
}

/** Whoever worked on it ended each time: it may be the event that ends them. */
function isGivenUp({ event, lost }: ClaimedRow): boolean {
  return lost >= event.maxAttempts + LOST_LEASES;
}

async function fail(
  ctx: TenantCtx,
  row: ClaimedRow,
  error: unknown,
  random: number,
): Promise<void> {
  const { id, attempts, attemptsLeft } = row.event;
  const known = error instanceof EventError || error instanceof Failure;
  // A handler's own words may repeat what is in the payload: they stand in the attempt, not here.
  const cause = error instanceof EventError ? { error: error.name } : errorFields(error);
  ctx.log.warn("webhook attempt failed", { event: id, attempt: attempts, ...cause });
  // What nobody expected is told without its cause; the log has it.
  const text = (known ? error.message : PROBLEMS["internal-error"].title).slice(0, ERROR_LETTERS);
  const dead = attemptsLeft <= 1 || isGivenUp(row);
  const dueAt = new Date(Date.now() + pauseMs(attempts, BACKOFF, random));
  const ending: Ending = dead
    ? { status: "dead_letter", error: text }
    : { status: "failed", error: text, dueAt };
  const action = dead ? "webhook.dead_lettered" : "webhook.attempt_failed";
  try {
    await commit(ctx, end(row, ending), [{ action, target: id, details: { error: text } }]);
  } catch (problem) {
    // Whatever it is: those that were taken with this event are not to suffer from it.
    ctx.log.warn("webhook attempt lost", { event: id, ...errorFields(problem) });
    return;
  }
  if (dead) await bury(ctx, id);
}

function end({ event }: ClaimedRow, ending: Ending) {
  return endAttempt(event.id, event.lease ?? "", ending, new Date());
}

/** The lease is another's by now, or a database does not answer: neither is the event's fault. */
function isLost(error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  return error.code === "event-state" || PROBLEMS[error.code].status >= 500;
}
