import type { TenantCtx } from "../context.ts";
import { newId } from "../ids.ts";
import { inTime } from "../in-time.ts";
import { createLru } from "../lru.ts";
import { errorFields } from "../observe/logger.ts";
import { Failure } from "../problems.ts";
import { wholeSeconds } from "../whole-seconds.ts";
import type { Report } from "./machine.ts";
import type { BreakerRules } from "./options.ts";
import type { BreakerView, Standing } from "./view.ts";
import type { Outcome } from "./window.ts";

type BreakerCtx = Pick<TenantCtx, "objects" | "log" | "realm">;

/** One breaker of a tenant, and the rules that it goes by now. */
export interface BreakerRef extends BreakerRules {
  /** Names the system that is called, such as `service:service_01h…`. */
  readonly key: string;
}

/** Leave to make one call. */
export interface Permit {
  /**
   * Tells how the call ended; never throws. To be awaited, since what is not told is not counted, but
   * that takes half a second at most: what takes longer goes on while the caller has its answer.
   * @param durationMs how long the call took
   */
  report(outcome: Outcome, durationMs: number): Promise<void>;
}

/** What this isolate was told of a breaker, with times of its own clock in ms. */
interface Told extends Pick<Standing, "state" | "version" | "letsAll" | "spreadMs"> {
  /** Null: it did not answer. */
  readonly epoch: number | null;
  readonly until: number;
}

/** How long it counts that a breaker lets all through, or does not answer, in ms. */
const TRUSTED_MS = 1_000;
/** How long a caller waits until its report has been taken, in ms. */
const REPORT_MS = 500;

/** By realm and key. Small, and lost with the isolate: then the object is asked again. */
const heard = createLru<Told>(5_000);

/**
 * Asks to make one call. While all is well, and while a breaker is open, no object is asked: then a
 * call costs its report, and a refusal nothing. A breaker that does not answer lets the call go ahead:
 * it protects the other side, and is no gate.
 * @param callMs for how long the call can last
 * @throws Failure `circuit-open`, with whole seconds after which to come back
 */
export async function acquire(ctx: BreakerCtx, ref: BreakerRef, callMs: number): Promise<Permit> {
  const name = nameOf(ctx, ref);
  const askedAt = Date.now();
  const told = heard.get(name);
  // Whoever was told of a later order than the caller has read knows better.
  if (!told || told.version <= ref.order.version) {
    if (ref.order.mode === "forced_open") throw openFailure(ref.options.open_ms);
    if (ref.order.mode === "disabled") return UNCOUNTED;
  }
  if (told && askedAt < told.until && told.version >= ref.order.version) {
    if (!told.letsAll) throw refusal(told, ref, askedAt);
    return permit(ctx, ref, newId("lease"), told.epoch);
  }
  const id = newId("lease");
  const { options, order } = ref;
  try {
    const answer = await ctx.objects.ask("CIRCUIT_BREAKER", name, (breaker) =>
      breaker.acquire({ id, callMs, options, order }),
    );
    const now = remember(name, answer, askedAt);
    if (!answer.isPermitted) throw refusal(now, ref, Date.now());
    return permit(ctx, ref, id, answer.epoch);
  } catch (error) {
    if (error instanceof Failure) throw error;
    unheard(ctx, ref, error);
    return UNCOUNTED;
  }
}

/** @throws Failure `not-ready` when the object does not answer */
export async function breakerView(ctx: BreakerCtx, ref: BreakerRef): Promise<BreakerView> {
  try {
    return await askView(ctx, ref);
  } catch (error) {
    throw new Failure("not-ready", "The circuit breaker does not answer.", { cause: error });
  }
}

/**
 * Tells the object of a new order, so that it is followed everywhere at once. Where that fails it
 * learns of it with its next call.
 */
export async function tellOrder(ctx: BreakerCtx, ref: BreakerRef): Promise<void> {
  try {
    await askView(ctx, ref);
  } catch (error) {
    ctx.log.warn("A circuit breaker could not be told of an order.", fieldsOf(ref, error));
  }
}

/** Erases a breaker whose tenant is gone for good. @throws when its object does not answer */
export function eraseBreaker(ctx: BreakerCtx, key: string): Promise<void> {
  return ctx.objects.ask("CIRCUIT_BREAKER", nameOf(ctx, { key }), (breaker) => breaker.erase());
}

/** Of a call that no breaker counts. */
const UNCOUNTED: Permit = { report: async () => {} };

function permit(ctx: BreakerCtx, ref: BreakerRef, id: string, epoch: number | null): Permit {
  if (epoch === null) return UNCOUNTED;
  return {
    async report(outcome, durationMs) {
      const telling = tell(ctx, ref, { id, epoch, outcome, durationMs });
      const late = () => new Error(`The report takes longer than ${REPORT_MS} ms.`);
      await inTime(telling, REPORT_MS, late).catch((error) => {
        ctx.log.warn("A circuit breaker is slow to take a report.", fieldsOf(ref, error));
      });
    },
  };
}

/** Never throws. */
async function tell(ctx: BreakerCtx, ref: BreakerRef, ended: Report): Promise<void> {
  const { options, order } = ref;
  const name = nameOf(ctx, ref);
  const askedAt = Date.now();
  try {
    const standing = await ctx.objects.ask("CIRCUIT_BREAKER", name, (breaker) =>
      breaker.report({ ...ended, options, order }),
    );
    remember(name, standing, askedAt);
  } catch (error) {
    unheard(ctx, ref, error);
  }
}

function askView(ctx: BreakerCtx, ref: BreakerRef): Promise<BreakerView> {
  const { options, order } = ref;
  return ctx.objects.ask("CIRCUIT_BREAKER", nameOf(ctx, ref), (breaker) =>
    breaker.view({ options, order }),
  );
}

/** From before the question, so that nothing counts longer here than there. */
function remember(name: string, standing: Standing, askedAt: number): Told {
  const { state, epoch, version, letsAll, spreadMs } = standing;
  const until = askedAt + (letsAll ? TRUSTED_MS : standing.refusedForMs);
  const told = { state, epoch, version, letsAll, spreadMs, until };
  const before = heard.get(name);
  // Answers overtake each other.
  if (!before || before.epoch === null || before.epoch <= epoch) heard.set(name, told);
  return told;
}

/** For a moment it is not asked again: who waits for an object that hangs makes calls hang. */
function unheard(ctx: BreakerCtx, ref: BreakerRef, error: unknown): void {
  ctx.log.warn("A circuit breaker does not answer; calls go ahead.", fieldsOf(ref, error));
  const name = nameOf(ctx, ref);
  const before = heard.get(name);
  const now = Date.now();
  if (before && !before.letsAll && now < before.until) return;
  const version = Math.max(before?.version ?? 0, ref.order.version);
  const told = { state: "closed", version, letsAll: true, spreadMs: 0 } as const;
  heard.set(name, { ...told, epoch: null, until: now + TRUSTED_MS });
}

function refusal(told: Told, { options }: BreakerRef, now: number): Failure {
  if (told.state === "forced_open") return openFailure(options.open_ms);
  return openFailure(Math.max(0, told.until - now) + Math.random() * told.spreadMs);
}

function openFailure(pauseMs: number): Failure {
  return new Failure("circuit-open", undefined, {
    retryAfter: wholeSeconds(pauseMs),
  });
}

function nameOf({ realm }: BreakerCtx, { key }: Pick<BreakerRef, "key">): string {
  return `${realm.id}/${key}`;
}

function fieldsOf({ key }: BreakerRef, error: unknown) {
  return { breaker: key, ...errorFields(error) };
}
