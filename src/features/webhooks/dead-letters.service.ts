import type { TenantCtx } from "../../platform/context.ts";
import { doorbell, type JobAddress } from "../../platform/jobs/doorbell.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { Failure } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { raise, readRisk } from "../signals/index.ts";
import { deadLetterSignal } from "./dead-letter-signal.ts";
import { findUnburied, findUnseen, markBuried, markTold } from "./dead-letters.repository.ts";

/** The job that sees to dead letters. */
export const DEAD_LETTER: JobAddress = { name: "webhooks.dead_letter", queue: "dead-letters" };

/** Dead letters told again per visit. */
const TOLD_AGAIN = 25;

/** Tells the dead-letter queue. If it cannot be told now, {@link rebury} tells it later. */
export async function bury(ctx: TenantCtx, eventId: string): Promise<void> {
  try {
    await ctx.queues.ring(bellOf(ctx, eventId));
  } catch (error) {
    ctx.log.warn("dead letter not sent", { event: eventId, ...errorFields(error) });
  }
}

/**
 * Tells the queue of dead letters that its consumer has not seen. That they are told is written
 * down first, so that of all who come at once one tells, and the next five minutes nobody.
 */
export async function rebury(ctx: TenantCtx, now: number): Promise<void> {
  const ids = await findUnburied(ctx.db, now, TOLD_AGAIN);
  if (ids.length === 0) return;
  try {
    await commit(ctx, markTold(ids, now), [{ action: "webhook.dead_letters_told", summed: true }]);
  } catch (error) {
    if (isFailure(error, "conflict")) return;
    throw error;
  }
  try {
    await ctx.queues.ringAll(ids.map((id) => bellOf(ctx, id)));
  } catch (error) {
    ctx.log.warn("dead letters not sent", { events: ids.length, ...errorFields(error) });
  }
}

const bellOf = (ctx: TenantCtx, item: string) => doorbell(DEAD_LETTER, ctx.realm, { item });

/**
 * What the dead-letter queue's consumer does: it is written down, once, that the event is dead, and a
 * signal raised in the same commit. A message that came twice, or is about what was replayed
 * meanwhile, is no alarm.
 */
export async function receiveDeadLetter(
  ctx: TenantCtx,
  { item: eventId }: { readonly item?: string | undefined },
): Promise<void> {
  if (!eventId) return ctx.log.error("dead letter dropped", { why: "it names no event" });
  const dead = await findUnseen(ctx.db, eventId);
  if (!dead) return;
  const alarm = () =>
    ctx.log.error("webhook is a dead letter", { event: eventId, tenant: ctx.realm.slug });
  const now = new Date();
  const signal = deadLetterSignal(dead, now);
  const raising = raise(signal, await readRisk(ctx.db, [signal.kind], now), now);
  try {
    await commit(
      ctx,
      [markBuried(eventId, now), ...raising.steps],
      [{ action: "webhook.buried", target: eventId }, ...raising.audit],
    );
  } catch (error) {
    if (isFailure(error, "event-state")) return;
    // If it is written down after all, the message that comes again will find it seen.
    if (isFailure(error, "outcome-unknown")) alarm();
    throw error;
  }
  alarm();
  await raising.ring(ctx);
}

const isFailure = (error: unknown, code: Failure["code"]) =>
  error instanceof Failure && error.code === code;
