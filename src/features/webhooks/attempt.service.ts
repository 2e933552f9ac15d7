import type { TenantCtx } from "../../platform/context.ts";
import { utf8 } from "../../platform/crypto/encoding.ts";
import { type Backoff, pauseMs } from "../../platform/jobs/backoff.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { Failure, PROBLEMS } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { bury } from "./dead-letters.service.ts";
import {
  type ClaimedRow,
  type Ending,
  endAttempt,
  findPayload,
  type PayloadRow,
} from "./drain.repository.ts";
import type { DrainOptions } from "./drain.service.ts";
import { type Effect, EventError, handlerFor } from "./handling.ts";
import { readPayload } from "./payload.ts";

/** Pauses between attempts: up to 10 s after the first, up to an hour later on. */
const BACKOFF: Backoff = { baseMs: 10_000, capMs: 3_600_000 };
/** Letters of an error that are kept. */
const ERROR_LETTERS = 500;

/**
 * One attempt at one event. Its effect, its completion and their audit rows are one commit, which
 * holds only while the lease does: whoever lost it changes nothing.
 * @returns whether it failed and is to be tried again
 */
export async function attempt(
  ctx: TenantCtx,
  row: ClaimedRow,
  { handlers, random }: DrainOptions,
): Promise<boolean> {
  const { event } = row;
  try {
    const effect = await effectOf(ctx, row, handlers);
    const ending = { status: "completed" } as const;
    await commit(
      ctx,
      [...end(row, ending), ...effect.steps],
      [{ action: "webhook.completed", target: event.id }, ...effect.audit],
    );
    return false;
  } catch (error) {
    if (isLost(error)) {
      // Nothing is known to be wrong with the event: when the lease ends it is taken up again.
      ctx.log.warn("webhook attempt lost", { event: event.id, ...errorFields(error) });
      return false;
    }
    return fail(ctx, row, error, random());
  }
}

async function effectOf(
  ctx: TenantCtx,
  row: ClaimedRow,
  handlers: DrainOptions["handlers"],
): Promise<Effect> {
  const { id, service, type, receivedAt, attemptsLeft } = row.event;
  if (attemptsLeft < 0) throw new EventError("The last attempt began and never ended.");
  const handler = handlerFor(handlers, type);
  if (!handler) throw new EventError(`Nothing handles events of the type ${type}.`);
  const payload = await payloadOf(ctx, row);
  return handler.handle(ctx, { id, service, type, receivedAt, payload });
}

async function payloadOf(ctx: TenantCtx, row: ClaimedRow): Promise<unknown> {
  if (row.kind !== null && row.text !== null) return readPayload(row.kind, utf8(row.text));
  const whole = await findPayload(ctx.db, row.event.id);
  if (!whole) throw new EventError("The payload is not kept any more.");
  return readPayload(whole.kind, bodyOf(whole));
}

/** The very bytes that were received. */
function bodyOf({ text, bytes }: PayloadRow): Uint8Array {
  return text === null ? (bytes ?? new Uint8Array()) : utf8(text);
}

/** @returns whether it is to be tried again */
async function fail(
  ctx: TenantCtx,
  row: ClaimedRow,
  error: unknown,
  random: number,
): Promise<boolean> {
  const { id, attempts, attemptsLeft } = row.event;
  const known = error instanceof EventError || error instanceof Failure;
  // A handler's own words may repeat what is in the payload: they stand in the attempt, not here.
  const cause = error instanceof EventError ? { error: error.name } : errorFields(error);
  ctx.log.warn("webhook attempt failed", { event: id, attempt: attempts, ...cause });
  // What nobody expected is told without its cause; the log has it.
  const text = (known ? error.message : PROBLEMS["internal-error"].title).slice(0, ERROR_LETTERS);
  const dead = attemptsLeft <= 0;
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
    return false;
  }
  if (dead) await bury(ctx, id);
  return !dead;
}

function end({ event }: ClaimedRow, ending: Ending) {
  return endAttempt(event.id, event.lease ?? "", ending, new Date());
}

/** The lease is another's by now, or a database does not answer: neither is the event's fault. */
function isLost(error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  return error.code === "event-state" || PROBLEMS[error.code].status >= 500;
}
