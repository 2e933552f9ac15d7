import type { TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { type AuditEntry, commit } from "../../platform/tenancy/index.ts";
import { type Ending, endAttempt, holdBack, withdrawAttempt } from "./attempt.repository.ts";
import type { Claimed } from "./claim.repository.ts";
import { DISABLE, disableSick, failWaiting } from "./destinations.repository.ts";
import { WAS_DISABLED } from "./destinations.service.ts";
import { type FindEvent, type Outcome, tryOnce } from "./post.service.ts";
import { pauseAfter } from "./schedule.ts";

/** For so long a destination may fail before it is disabled, in ms. */
const FAILING_MS = 5 * 86_400_000;

/** Where events are found, and the random numbers of pauses. */
export interface DeliverOptions {
  readonly findEvent: FindEvent;
  readonly random: () => number;
}

/**
 * One attempt at one delivery; never fails. How it went is one commit, which holds only while the
 * lease does: whoever lost it changes nothing.
 */
export async function attempt(
  ctx: TenantCtx,
  claimed: Claimed,
  { findEvent, random }: DeliverOptions,
): Promise<void> {
  const { id } = claimed.delivery;
  try {
    const outcome = await tryOnce(ctx, claimed, findEvent);
    if (outcome.kind === "answered") await end(ctx, claimed, outcome, random());
    else await withdraw(ctx, claimed, outcome);
  } catch (error) {
    // It may have arrived: when the lease ends it is taken up again, with the same id.
    ctx.log.warn("delivery attempt lost", { delivery: id, ...errorFields(error) });
  }
}

async function end(
  ctx: TenantCtx,
  { delivery, destination }: Claimed,
  outcome: Extract<Outcome, { kind: "answered" }>,
  random: number,
): Promise<void> {
  const at = new Date();
  const { error, status: responseStatus, durationMs, text: responseText, waitMs } = outcome;
  const answer = { responseStatus, durationMs, error, responseText };
  if (error === null) {
    const ending: Ending = { outcome: "delivered", ...answer, dueAt: null };
    await commit(ctx, endAttempt(delivery, ending, at), [summed("delivered", destination.id)]);
    return;
  }
  const gone = responseStatus === 410;
  const pause = gone ? null : pauseAfter(delivery.tries, random);
  const dueAt = pause === null ? null : new Date(at.getTime() + Math.max(pause, waitMs));
  const ending: Ending = { outcome: "failed", ...answer, dueAt };
  const since = new Date(at.getTime() - FAILING_MS);
  const { failingSince } = destination;
  const reason = gone ? "gone" : failingSince && failingSince <= since ? "failing" : null;
  const disable = reason && [
    disableSick(destination.id, reason, since, at),
    failWaiting(destination.id, WAS_DISABLED, at),
  ];
  const disabled: AuditEntry = {
    action: "destination.disabled",
    target: destination.id,
    details: { reason },
    whenChanged: DISABLE,
  };
  await commit(
    ctx,
    [...(disable ?? []), ...endAttempt(delivery, ending, at)],
    [summed("attempt_failed", destination.id), ...(disable ? [disabled] : [])],
  );
}

/** Nothing was sent, so no attempt was used. */
async function withdraw(
  ctx: TenantCtx,
  { delivery, destination }: Claimed,
  outcome: Exclude<Outcome, { kind: "answered" }>,
): Promise<void> {
  const at = new Date();
  if (outcome.kind === "refused") {
    const steps = withdrawAttempt(delivery, { failed: outcome.why }, at);
    await commit(ctx, steps, [summed("failed", destination.id)]);
    return;
  }
  const dueAt = new Date(at.getTime() + outcome.waitMs);
  await commit(
    ctx,
    [...withdrawAttempt(delivery, { dueAt }, at), holdBack(destination.id, dueAt, at)],
    [summed("postponed", destination.id)],
  );
}

function summed(what: string, destination: string) {
  return { action: `delivery.${what}`, target: destination, summed: true } as const;
}
