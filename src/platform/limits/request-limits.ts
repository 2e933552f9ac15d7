import type { Ctx } from "../context.ts";
import { errorFields } from "../observe/logger.ts";
import { Failure } from "../problems.ts";
import { wholeSeconds } from "../whole-seconds.ts";
import { callerLine } from "./addresses.ts";
import type { Standing } from "./headers.ts";
import { refusedFor, take } from "./index.ts";
import { type AddressLimit, addressGate, type Gate } from "./policies.ts";

/** What the limits need of a context. */
type Limited = Pick<Ctx, "objects" | "log" | "metLimits">;

/** After how long the location's own counter lets an address through again: its period, in ms. */
const GUARD_MS = 60_000;

/**
 * Takes one of every limit of the gate, or of none.
 * @throws Failure `quota-exceeded`; `overloaded` when the limits' keeper does not answer and the
 * isolate has admitted what it may without it
 */
export async function pass(ctx: Limited, { account, limits }: Gate): Promise<void> {
  const verdict = await take(ctx, account, limits);
  for (const standing of verdict.limits) ctx.metLimits.set(standing.limit.name, standing);
  if (verdict.admitted) return;
  const violated = verdict.limits.filter((standing) => standing.violated);
  if (!verdict.unheard) throw exceeded(violated);
  throw new Failure("overloaded", undefined, {
    retryAfter: secondsOf(violated),
    cause: new Error(`The limits of ${account} are not to be had.`),
  });
}

/**
 * Takes one of the limits of the caller's address. Who floods is refused by the location's own
 * counter, before an object hears of it.
 * @param always answers also when the limits' keeper does not: then that counter alone limits
 * @throws Failure `quota-exceeded`, `overloaded`
 */
export async function passAddress(
  ctx: Limited & Pick<Ctx, "settings" | "request">,
  names: readonly AddressLimit[],
  { always = false } = {},
): Promise<void> {
  const gate = addressGate(ctx, names);
  if (!(await isLet(ctx))) throw refuseAll(ctx, gate, GUARD_MS);
  try {
    await pass(ctx, gate);
  } catch (error) {
    const unheard = error instanceof Failure && error.code === "overloaded";
    if (!always || !unheard) throw error;
  }
}

/**
 * Refuses whoever has failed too often, before what they ask for costs anything: asks nobody and
 * spends nothing.
 * @throws Failure `quota-exceeded`
 */
export function requireFewFailures(ctx: Limited, gate: Gate): void {
  const waits = gate.limits.map((limit) => refusedFor(gate.account, limit));
  const longest = Math.max(0, ...waits);
  if (longest > 0) throw refuseAll(ctx, gate, longest);
}

/** Counts a failure. Whether there were too many is asked with the next request. */
export async function noteFailure(ctx: Limited, { account, limits }: Gate): Promise<void> {
  const verdict = await take(ctx, account, limits);
  for (const standing of verdict.limits) ctx.metLimits.set(standing.limit.name, standing);
}

/** The counter is a shield of the objects, which judge: where it fails or hangs, they still do. */
async function isLet({ objects, log, request }: Limited & Pick<Ctx, "request">): Promise<boolean> {
  try {
    return await objects.lets(callerLine(request.ip));
  } catch (error) {
    log.warn("address guard failed", errorFields(error));
    return true;
  }
}

function refuseAll({ metLimits }: Limited, { limits }: Gate, resetMs: number): Failure {
  const standings = limits.map((limit) => ({ limit, remaining: 0, resetMs, violated: true }));
  for (const standing of standings) metLimits.set(standing.limit.name, standing);
  return exceeded(standings);
}

function exceeded(violated: readonly Standing[]): Failure {
  const texts = violated.map(({ limit: { name, policy } }) => {
    return `${name}: ${policy.limit} in ${wholeSeconds(policy.windowMs)} s`;
  });
  return new Failure("quota-exceeded", `No more is admitted for now (${texts.join(", ")}).`, {
    retryAfter: secondsOf(violated),
    extensions: { "violated-policies": violated.map(({ limit }) => limit.name) },
  });
}

function secondsOf(violated: readonly Standing[]): number {
  return wholeSeconds(Math.max(...violated.map(({ resetMs }) => resetMs)));
}
