import type { TenantCtx } from "../../platform/context.ts";
import { inTime } from "../../platform/in-time.ts";
import { type Backoff, pauseMs } from "../../platform/jobs/backoff.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { Failure, PROBLEMS } from "../../platform/problems.ts";
import { type AuditEntry, commit } from "../../platform/tenancy/index.ts";
import { isOfService, isSpared } from "../calls/index.ts";
import { type Ending, endAttempt } from "./attempt.repository.ts";
import { bury } from "./dead-letters.service.ts";
import { type ClaimedRow, findPayload } from "./drain.repository.ts";
import type { DrainOptions } from "./drain.service.ts";
import { type Effect, EventError, handlerFor } from "./handling.ts";
import { readStored } from "./stored-payload.ts";

/** Pauses between attempts: up to 10 s after the first, up to an hour later on. */
const BACKOFF: Backoff = { baseMs: 10_000, capMs: 3_600_000 };
/** More of a pause each time that an event is put off, beyond the time that was said. */
const PUT_OFF: Backoff = { baseMs: 5_000, capMs: 600_000 };
/** Who asks for more than a day gets a day. */
const LONGEST_ASKED_MS = 86_400_000;
/** How long a handler may take, in ms: less than what is left of the lease when it is called. */
const HANDLER_MS = 20_000;
/** Letters of an error that are kept. */
const ERROR_LETTERS = 500;
/** So many leases, more than it has attempts, may an event lose one after the other: faults of ours. */
const LOST_LEASES = 3;

/**
 * One attempt at one event. Its effect, its completion and their audit rows are one commit, which
 * holds only while the lease does: whoever lost it changes nothing.
 * @returns the effect, if it was committed
 */
export async function attempt(
  ctx: TenantCtx,
  row: ClaimedRow,
  { handlers, random }: DrainOptions,
): Promise<Effect | null> {
  const { event } = row;
  try {
    const effect = await effectOf(ctx, row, handlers);
    const ending = { status: "completed" } as const;
    await commit(
      ctx,
      [...end(row, ending), ...effect.steps],
      [{ action: "webhook.completed", target: event.id }, ...effect.audit],
    );
    return effect;
  } catch (error) {
    if (isSpared(error)) await postpone(ctx, row, error, random());
    else if (!isLost(error)) await fail(ctx, row, error, random());
    // Nothing is known to be wrong with the event: when the lease ends it is taken up again.
    else ctx.log.warn("webhook attempt lost", { event: event.id, ...errorFields(error) });
    return null;
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
  // What comes later than that changes nothing: the effect is committed here, or not at all.
  return inTime(handler.handle(ctx, { id, service, type, receivedAt, payload }), HANDLER_MS, () => {
    return new EventError(`It took too long: more than ${HANDLER_MS / 1_000} seconds.`);
  });
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
  const { id, attempts, attemptsLeft, maxAttempts } = row.event;
  const known = error instanceof EventError || error instanceof Failure;
  // A handler's own words may repeat what is in the payload: they stand in the attempt, not here.
  const cause = error instanceof EventError ? { error: error.name } : errorFields(error);
  ctx.log.warn("webhook attempt failed", { event: id, attempt: attempts, ...cause });
  // What nobody expected is told without its cause; the log has it.
  const text = (known ? error.message : PROBLEMS["internal-error"].title).slice(0, ERROR_LETTERS);
  const dead = attemptsLeft <= 1 || isGivenUp(row);
  const used = maxAttempts - attemptsLeft + 1;
  const pause = pauseMs(used, BACKOFF, random);
  const asked = askedMs(error);
  // Those who were told one and the same time do not come back at one and the same.
  const dueAt = new Date(Date.now() + Math.max(pause, asked && asked + random * BACKOFF.baseMs));
  const ending: Ending = dead
    ? { status: "dead_letter", error: text }
    : { status: "failed", error: text, dueAt };
  const action = dead ? "webhook.dead_lettered" : "webhook.attempt_failed";
  const ended = await note(ctx, row, ending, { action, target: id, details: { error: text } });
  if (ended && dead) await bury(ctx, id);
}

/**
 * A service that the event needs is left in peace: it waits for as long as was said, and longer each
 * time, so that what piles up does not come all at once. It does so for ever: an attempt that would
 * fail anyway is none, and somebody who holds a breaker open knows why.
 */
async function postpone(
  ctx: TenantCtx,
  row: ClaimedRow,
  error: Failure,
  random: number,
): Promise<void> {
  const { id, attempts, attemptsLeft, maxAttempts } = row.event;
  ctx.log.info("webhook attempt postponed", { event: id, attempt: attempts, code: error.code });
  // Begun, but not used: put off before, or lost.
  const unused = Math.max(1, attempts - (maxAttempts - attemptsLeft));
  const dueAt = new Date(Date.now() + askedMs(error) + pauseMs(unused, PUT_OFF, random));
  const ending: Ending = { status: "pending", error: error.message, dueAt };
  await note(ctx, row, ending, { action: "webhook.postponed", summed: true });
}

/** @returns whether it could be written down; if not, those that were taken with it do not suffer */
async function note(
  ctx: TenantCtx,
  row: ClaimedRow,
  ending: Ending,
  entry: AuditEntry,
): Promise<boolean> {
  try {
    await commit(ctx, end(row, ending), [entry]);
    return true;
  } catch (problem) {
    ctx.log.warn("webhook attempt lost", { event: row.event.id, ...errorFields(problem) });
    return false;
  }
}

/** How long to wait at least, in ms, as a called service said. */
function askedMs(error: unknown): number {
  const seconds =
    error instanceof EventError
      ? error.retryAfterSeconds
      : error instanceof Failure && error.options.retryAfter;
  return Math.min((seconds || 0) * 1_000, LONGEST_ASKED_MS);
}

function end({ event }: ClaimedRow, ending: Ending) {
  return endAttempt(event.id, event.lease ?? "", ending, new Date());
}

/** The lease is another's by now, or a database does not answer: neither is the event's fault. */
function isLost(error: unknown): boolean {
  if (isOfService(error) || !(error instanceof Failure)) return false;
  return error.code === "event-state" || PROBLEMS[error.code].status >= 500;
}
