import type { TenantCtx } from "../../platform/context.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { type AuditEntry, commit, type Step } from "../../platform/tenancy/index.ts";
import { type Ending, endAttempt, withdrawAttempt } from "./attempt.repository.ts";
import type { Claimed } from "./claim.repository.ts";
import type { DestinationRow } from "./destinations.repository.ts";
import {
  DISABLE,
  disableSick,
  FAILING_MS,
  noteFailure,
  noteSuccess,
  pause,
} from "./health.repository.ts";
import { type FindEvent, type Outcome, tryOnce } from "./post.service.ts";
import { DELIVER } from "./ring-deliveries.ts";
import { pauseAfter, peaceFor } from "./schedule.ts";
import { endStranded } from "./stranded.repository.ts";

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
  delivery: Claimed,
  { findEvent, random }: DeliverOptions,
): Promise<void> {
  try {
    const outcome = await tryOnce(ctx, delivery, findEvent);
    if (outcome.kind === "answered") await end(ctx, delivery, outcome, random());
    else await withdraw(ctx, delivery, outcome, random());
  } catch (error) {
    // It may have arrived: when the lease ends it is taken up again, with the same id.
    ctx.log.warn("delivery attempt lost", { delivery: delivery.id, ...errorFields(error) });
  }
}

type Answered = Extract<Outcome, { kind: "answered" }>;

async function end(
  ctx: TenantCtx,
  delivery: Claimed,
  outcome: Answered,
  random: number,
): Promise<void> {
  const at = new Date();
  const { error, status: responseStatus, durationMs, text: responseText } = outcome;
  const { destination, waitMs } = outcome;
  const answer = { responseStatus, durationMs, error, responseText };
  if (error === null) {
    const ending: Ending = { outcome: "delivered", ...answer, dueAt: null };
    const steps = [...endAttempt(delivery, ending, at), noteSuccess(destination)];
    await commit(ctx, steps, [summed("delivered", destination.id)]);
    return;
  }
  const own = pauseAfter(delivery.tries + 1, random);
  const peace = peaceFor(waitMs, random);
  const dueAt = own === null ? null : new Date(at.getTime() + Math.max(own, peace));
  const ending: Ending = { outcome: "failed", ...answer, dueAt };
  const disabling = disablingSteps(destination, responseStatus, at);
  await commit(
    ctx,
    [
      noteFailure(destination, at),
      ...(disabling?.steps ?? []),
      ...(peace > 0 ? pause(destination, new Date(at.getTime() + peace), at) : []),
      ...endAttempt(delivery, ending, at),
    ],
    [summed("attempt_failed", destination.id), ...(disabling ? [disabling.entry] : [])],
  );
  // More may have waited for it than was ended here.
  if (disabling) await ringJob(ctx, DELIVER);
}

/** What is tried where the destination may be sick; whether it is stands in its row by then. */
function disablingSteps(
  destination: DestinationRow,
  status: number | null,
  at: Date,
): { steps: Step[]; entry: AuditEntry } | null {
  const { id, failingSince } = destination;
  const isOld = failingSince !== null && failingSince.getTime() <= at.getTime() - FAILING_MS;
  const reason = status === 410 ? "gone" : isOld ? "failing" : null;
  if (reason === null) return null;
  return {
    steps: [disableSick(destination, reason, at), endStranded(at, id)],
    entry: {
      action: "destination.disabled",
      target: id,
      details: { reason },
      whenChanged: DISABLE,
    },
  };
}

/** Nothing was sent, so no attempt was used. */
async function withdraw(
  ctx: TenantCtx,
  delivery: Claimed,
  outcome: Exclude<Outcome, Answered>,
  random: number,
): Promise<void> {
  const at = new Date();
  const { destinationId } = delivery;
  if (outcome.kind === "refused") {
    const steps = withdrawAttempt(delivery, { failed: outcome.why }, at);
    await commit(ctx, steps, [summed("failed", destinationId)]);
    return;
  }
  const { destination, waitMs, why } = outcome;
  const dueAt = new Date(at.getTime() + peaceFor(waitMs, random));
  await commit(
    ctx,
    [...withdrawAttempt(delivery, { dueAt, why }, at), ...pause(destination, dueAt, at)],
    [summed("postponed", destinationId)],
  );
}

function summed(what: string, destination: string) {
  return { action: `delivery.${what}`, target: destination, summed: true } as const;
}
