import { BREAKER_DEFAULTS } from "../../platform/breaker/index.ts";
import type { TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { callOut, type Line } from "../../platform/outbound/index.ts";
import { Failure, PROBLEMS } from "../../platform/problems.ts";
import type { RealmDb } from "../../platform/tenancy/index.ts";
import type { Claimed } from "./claim.repository.ts";
import { WAS_DISABLED } from "./destinations.service.ts";
import { bodyOf, type OutgoingEvent, sampleEvent, signedHeaders } from "./message.ts";
import { MOST_TRIES, waitAskedFor } from "./schedule.ts";

/** Finds an event, as it was recorded. */
export type FindEvent = (
  db: RealmDb,
  id: string,
  from: "primary",
) => Promise<OutgoingEvent | undefined>;

/** What became of an attempt. */
export type Outcome =
  | {
      readonly kind: "answered";
      /** Null when it was delivered. The text is shown to the tenant. */
      readonly error: string | null;
      /** Null where there was no answer. */
      readonly status: number | null;
      readonly durationMs: number;
      readonly text: string | null;
      /** For how long the receiver asks to be left in peace, in ms. */
      readonly waitMs: number;
    }
  /** Not now: nothing was sent. */
  | { readonly kind: "postponed"; readonly waitMs: number }
  /** Never again: nothing was sent. */
  | { readonly kind: "refused"; readonly why: string };

/** For one POST, in ms: with what is begun last it must end within the lease. */
const TIMEOUT_MS = 15_000;
/** The longest answer that is read, and what is kept of it, in bytes. */
const LONGEST_ANSWER = 65_536;
const KEPT_ANSWER = 1_024;
/** How long to wait where nobody says it, in ms. */
const USUAL_WAIT_MS = 60_000;
/** Answers whose `Retry-After` counts. */
const ASKS_FOR_PEACE: readonly number[] = [429, 503];

/**
 * Posts a delivery once, if that makes sense.
 * @throws what a database of ours fails with
 */
export async function tryOnce(
  ctx: TenantCtx,
  claimed: Claimed,
  findEvent: FindEvent,
): Promise<Outcome> {
  const { delivery, destination } = claimed;
  if (destination.status === "disabled") return { kind: "refused", why: WAS_DISABLED };
  if (delivery.tries > MOST_TRIES) {
    return { kind: "refused", why: "The last attempt began and never ended." };
  }
  const event = delivery.sample
    ? sampleEvent(delivery, delivery.sample)
    : await findEvent(ctx.db, delivery.eventId, "primary");
  if (!event) return { kind: "refused", why: "The event is not kept any more." };
  const startedAt = Date.now();
  try {
    return await post(ctx, claimed, event);
  } catch (error) {
    return failureOf(ctx, delivery.id, error, startedAt);
  }
}

async function post(
  ctx: TenantCtx,
  { destination, secrets }: Claimed,
  event: OutgoingEvent,
): Promise<Outcome> {
  const body = bodyOf(event);
  const headers = await signedHeaders(ctx, destination.url, event, body, secrets, Date.now());
  const answer = await callOut(ctx, lineTo(destination.id), {
    method: "POST",
    url: new URL(destination.url),
    headers,
    body,
    repeatable: true,
    cacheAs: null,
  });
  const { status, durationMs } = answer;
  const fine = status >= 200 && status < 300;
  const asked = ASKS_FOR_PEACE.includes(status) ? answer.headers.get("retry-after") : null;
  return {
    kind: "answered",
    error: fine ? null : `The receiver answered ${status}.`,
    status,
    durationMs,
    text: beginningOf(answer.body),
    waitMs: waitAskedFor(asked, Date.now()),
  };
}

/** The schedule is what tries again. */
const lineTo = (destinationId: string): Line => ({
  key: `destination:${destinationId}`,
  timeoutMs: TIMEOUT_MS,
  retry: { maxAttempts: 1, baseMs: 0 },
  ratePerSecond: null,
  breaker: BREAKER_DEFAULTS,
  order: { mode: "automatic", version: 0 },
  maxResponseBytes: LONGEST_ANSWER,
  followRedirects: false,
});

function failureOf(ctx: TenantCtx, delivery: string, error: unknown, startedAt: number): Outcome {
  const code = error instanceof Failure ? error.code : null;
  if (code === "circuit-open" || code === "quota-exceeded") {
    const seconds = (error as Failure).options.retryAfter;
    return {
      kind: "postponed",
      waitMs: seconds === undefined ? USUAL_WAIT_MS : Math.max(1, seconds) * 1_000,
    };
  }
  const known = code?.startsWith("downstream-") === true;
  ctx.log.warn("delivery failed", { delivery, ...errorFields(error) });
  return {
    kind: "answered",
    // What nobody expected is told without its cause; the log has it.
    error: known ? (error as Failure).message : PROBLEMS["internal-error"].title,
    status: null,
    durationMs: Date.now() - startedAt,
    text: null,
    waitMs: 0,
  };
}

/** As text, whatever it is; a letter that is cut in two is left out. */
function beginningOf(body: Uint8Array): string | null {
  if (body.byteLength === 0) return null;
  return new TextDecoder().decode(body.subarray(0, KEPT_ANSWER), { stream: true });
}
