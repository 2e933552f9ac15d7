import { Failure, type ProblemCode } from "../problems.ts";
import { addressFault } from "./addresses.ts";
import { type AnswerCache, createAnswerCache } from "./answer-cache.ts";
import { attempt, type CallerCtx } from "./attempt.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import type { Line, OutboundAnswer, OutboundRequest } from "./line.ts";
import { isPassing, waitMs } from "./retry.ts";
import type { Sent } from "./send.ts";
import { createSlots, type Slots } from "./slots.ts";

/** What a call needs besides its own data. */
export interface Means {
  /** Ms since the epoch. */
  readonly clock: () => number;
  /** Waits so many ms. */
  readonly pause: (ms: number) => Promise<void>;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  readonly cache: AnswerCache;
  readonly slots: Slots;
}

const MEANS: Means = {
  clock: () => Date.now(),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
  cache: createAnswerCache(),
  slots: createSlots(),
};

/**
 * Calls somebody else's system on a tenant's behalf: within its time, at its rate, past its breaker,
 * and again where that does no harm. An answer of any status is an answer.
 * @throws Failure `circuit-open`, `quota-exceeded`, `overloaded` when it is not made now;
 * `downstream-unreachable`, `downstream-answer`, `downstream-timeout`; what `beforeSending` fails with
 */
export async function callOut(
  ctx: CallerCtx,
  line: Line,
  request: OutboundRequest,
  means: Partial<Means> = {},
): Promise<OutboundAnswer> {
  const { cache, ...rest }: Means = { ...MEANS, ...means };
  const startedAt = rest.clock();
  const progress = { attempts: 0 };
  const facts = () => ({
    line: line.key,
    host: request.url.host,
    method: request.method,
    attempts: progress.attempts,
    duration_ms: rest.clock() - startedAt,
  });
  const owner = JSON.stringify([ctx.realm.id, line.key]);
  try {
    const kept = cache.recall(owner, request);
    const { status, headers, body } =
      kept ?? (await fresh(ctx, line, request, { ...rest, cache, owner, progress }));
    ctx.log.info("called out", { ...facts(), status, cached: kept !== null });
    const durationMs = rest.clock() - startedAt;
    return { status, headers, body, attempts: progress.attempts, durationMs, cached: !!kept };
  } catch (error) {
    const problem = error instanceof Failure ? error.code : "internal-error";
    ctx.log.info("called out", { ...facts(), problem });
    throw error;
  }
}

interface Course extends Means {
  readonly owner: string;
  /** Told while the call goes on, so that a failed one can be told of too. */
  readonly progress: { attempts: number };
}

async function fresh(ctx: CallerCtx, line: Line, request: OutboundRequest, course: Course) {
  const fault = addressFault(request.url, ctx.settings);
  if (fault !== null) {
    const detail = `The service's address is not called: it ${fault}.`;
    throw new Failure("downstream-unreachable", detail);
  }
  const release = course.slots.take(ctx.realm.id, line.timeoutMs);
  const deadline = startDeadline(line.timeoutMs, course.clock);
  try {
    const { reply, failure } = await persist(ctx, line, request, course, deadline);
    if (failure) throw failure;
    course.cache.remember(course.owner, request, reply);
    return reply;
  } finally {
    deadline.clear();
    release();
  }
}

/** Attempts until one is final, or there is no time, no permission or no number left for another. */
async function persist(
  ctx: CallerCtx,
  line: Line,
  request: OutboundRequest,
  { clock, pause, random, progress }: Course,
  deadline: Deadline,
): Promise<Sent> {
  const once = (before?: () => Promise<void>) =>
    attempt(ctx, line, request, deadline, clock, before);
  let sent = await once(request.beforeSending);
  progress.attempts = 1;
  const most = request.repeatable ? line.retry.maxAttempts : 1;
  while (isPassing(sent) && progress.attempts < most) {
    const { baseMs } = line.retry;
    const wait = waitMs(sent, progress.attempts, { baseMs, random: random(), now: clock() });
    if (wait >= deadline.leftMs()) break;
    await pause(wait);
    const next = await once().catch(unlessRefused);
    if (next === null) break;
    sent = next;
    progress.attempts += 1;
  }
  return sent;
}

const REFUSALS: ReadonlySet<ProblemCode> = new Set([
  "circuit-open",
  "quota-exceeded",
  "overloaded",
]);

/** Who may not try again is left with what there is. */
function unlessRefused(error: unknown): null {
  if (error instanceof Failure && REFUSALS.has(error.code)) return null;
  throw error;
}
