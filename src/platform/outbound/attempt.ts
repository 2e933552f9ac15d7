import { acquire } from "../breaker/index.ts";
import type { TenantCtx } from "../context.ts";
import { accountOf } from "../limits/accounts.ts";
import { type Limit, refusedFor, take, type Verdict } from "../limits/index.ts";
import { Failure } from "../problems.ts";
import { wholeSeconds } from "../whole-seconds.ts";
import { type Deadline, untilAborted } from "./deadline.ts";
import type { Line, OutboundRequest } from "./line.ts";
import { type Sent, send } from "./send.ts";

/** What a call needs of whoever makes it. */
export type CallerCtx = Pick<TenantCtx, "settings" | "realm" | "objects" | "log">;

/** Over how long the rate of a service counts, in ms. */
const RATE_MS = 1_000;
const POLICY_NAME = "service";

/**
 * Sends a request once, if breaker and rate let it, and tells the breaker how it went.
 * @param beforeSending see OutboundRequest; left out where it was awaited before
 * @throws Failure `circuit-open`, `quota-exceeded`, `overloaded`, `downstream-timeout` before it is
 * sent, and what `beforeSending` fails with
 */
export async function attempt(
  ctx: CallerCtx,
  line: Line,
  request: OutboundRequest,
  deadline: Deadline,
  clock: () => number,
  beforeSending?: () => Promise<void>,
): Promise<Sent> {
  const account = accountOf("calls", ctx.realm);
  const limit = rateOf(line);
  const keepRate = async () => {
    if (limit) requireAdmitted(line, await beforeDeadline(take(ctx, account, [limit]), deadline));
  };
  // Before the breaker, which would have to be asked: to be refused again costs nothing.
  const isKnown = limit !== null && refusedFor(account, limit) > 0;
  if (isKnown) await keepRate();
  const { key, breaker: options, order } = line;
  const asked = acquire(ctx, { key, options, order }, deadline.leftMs());
  const permit = await beforeDeadline(asked, deadline);
  let startedAt = clock();
  // Until the service itself is heard of, nothing is to be said of it.
  let outcome: ReturnType<typeof outcomeOf> = "ignored";
  try {
    if (!isKnown) await keepRate();
    if (beforeSending) await beforeDeadline(beforeSending(), deadline);
    startedAt = clock();
    const sent = await send(request, line, ctx.settings, deadline.signal);
    outcome = outcomeOf(sent);
    return sent;
  } finally {
    await permit.report(outcome, clock() - startedAt);
  }
}

function rateOf({ key, ratePerSecond }: Line): Limit | null {
  if (ratePerSecond === null) return null;
  return { name: POLICY_NAME, key, policy: { limit: ratePerSecond, windowMs: RATE_MS } };
}

function requireAdmitted({ ratePerSecond }: Line, { admitted, unheard, limits }: Verdict): void {
  if (admitted) return;
  if (unheard) {
    // Who keeps count is silent: nobody knows whether the rate is reached.
    const detail = "The rate of the service cannot be counted right now.";
    throw new Failure("overloaded", detail, { retryAfter: 1 });
  }
  const detail = `The service is called at most ${ratePerSecond} times a second.`;
  const retryAfter = wholeSeconds(limits[0]?.resetMs ?? RATE_MS);
  const extensions = { "violated-policies": [POLICY_NAME] };
  throw new Failure("quota-exceeded", detail, { retryAfter, extensions });
}

/**
 * The breaker asks whether the service is well. One that answers is, even if the answer cannot be
 * used; and being told to slow down says nothing about it.
 */
function outcomeOf(sent: Sent): "success" | "failure" | "ignored" {
  const status = sent.reply ? sent.reply.status : sent.status;
  if (status === null || status >= 500) return "failure";
  return status === 429 ? "ignored" : "success";
}

/** Objects in trouble hang, and that must not be at the cost of the caller's time. */
async function beforeDeadline<T>(asked: Promise<T>, { signal }: Deadline): Promise<T> {
  try {
    return await untilAborted(asked, signal);
  } catch (error) {
    if (!signal.aborted || error instanceof Failure) throw error;
    throw new Failure("downstream-timeout", "There was no time left to call the service.");
  }
}
