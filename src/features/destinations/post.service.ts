import { BREAKER_DEFAULTS } from "../../platform/breaker/index.ts";
import type { TenantCtx } from "../../platform/context.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { callOut, type Line, retryAfterMs } from "../../platform/outbound/index.ts";
import { Failure, PROBLEMS, type ProblemCode } from "../../platform/problems.ts";
import type { RealmDb } from "../../platform/tenancy/index.ts";
import type { Claimed } from "./claim.repository.ts";
import {
  type DestinationRow,
  type DestinationView,
  findDestination,
} from "./destinations.repository.ts";
import { bodyOf, type OutgoingEvent, sampleEvent, signedHeaders } from "./message.ts";
import { MOST_LEASES } from "./schedule.ts";
import { WAS_DISABLED } from "./stranded.repository.ts";

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
      /** As it was when it was posted to. */
      readonly destination: DestinationRow;
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
  | {
      readonly kind: "postponed";
      readonly destination: DestinationRow;
      readonly waitMs: number;
      /** Shown to the tenant, where it is no matter of course. */
      readonly why: string | null;
    }
  /** Never again: nothing was sent. */
  | { readonly kind: "refused"; readonly why: string };

/** For one POST, in ms: with what is begun last it must end within the lease. */
const TIMEOUT_MS = 15_000;
/** What is read and kept of an answer, in bytes. */
const KEPT_ANSWER = 1_024;
/** How long to wait where nobody says it, in ms. */
const USUAL_WAIT_MS = 60_000;
/** Answers whose `Retry-After` counts. */
const ASKS_FOR_PEACE: readonly number[] = [429, 503];
/** One that always takes longer than this, in ms, is sick: others wait while it keeps us. */
const BREAKER = { ...BREAKER_DEFAULTS, slow_call_duration_ms: 10_000 };

/**
 * Posts a delivery once, if that makes sense. Where it goes, and by which secrets, is read now: since
 * it was taken the destination may have been moved, disabled or deleted.
 * @throws what a database of ours fails with
 */
export async function tryOnce(
  ctx: TenantCtx,
  delivery: Claimed,
  findEvent: FindEvent,
): Promise<Outcome> {
  if (delivery.leases > MOST_LEASES) {
    return { kind: "refused", why: "The last attempt began and never ended." };
  }
  const [event, destination] = await Promise.all([
    delivery.sample
      ? sampleEvent(delivery, delivery.sample)
      : findEvent(ctx.db, delivery.eventId, "primary"),
    findDestination(ctx.db, delivery.destinationId, "primary"),
  ]);
  if (!destination) return { kind: "refused", why: "The destination was deleted." };
  if (destination.status === "disabled") return { kind: "refused", why: WAS_DISABLED };
  if (!event) return { kind: "refused", why: "The event is not kept any more." };
  const { pausedUntil } = destination;
  const now = Date.now();
  if (pausedUntil && pausedUntil.getTime() > now) {
    return { kind: "postponed", destination, waitMs: pausedUntil.getTime() - now, why: null };
  }
  try {
    return await post(ctx, destination, event);
  } catch (error) {
    return failureOf(ctx, delivery.id, destination, error, now);
  }
}

async function post(
  ctx: TenantCtx,
  destination: DestinationView,
  event: OutgoingEvent,
): Promise<Outcome> {
  const { url, secrets } = destination;
  const body = bodyOf(event);
  const headers = await signedHeaders(ctx, url, event, body, secrets, Date.now());
  const answer = await callOut(ctx, lineTo(destination.id), {
    method: "POST",
    url: new URL(url),
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
    destination,
    error: fine ? null : `The receiver answered ${status}.`,
    status,
    durationMs,
    text: beginningOf(answer.body),
    waitMs: retryAfterMs(asked, Date.now()),
  };
}

/** The schedule is what tries again. */
const lineTo = (destinationId: string): Line => ({
  key: `destination:${destinationId}`,
  timeoutMs: TIMEOUT_MS,
  retry: { maxAttempts: 1, baseMs: 0 },
  ratePerSecond: null,
  breaker: BREAKER,
  order: { mode: "automatic", version: 0 },
  maxResponseBytes: KEPT_ANSWER,
  longAnswers: "cut",
  followRedirects: false,
});

function failureOf(
  ctx: TenantCtx,
  delivery: string,
  destination: DestinationRow,
  error: unknown,
  startedAt: number,
): Outcome {
  const failure = error instanceof Failure ? error : null;
  const waitMs = Math.max(1, failure?.options.retryAfter ?? USUAL_WAIT_MS / 1_000) * 1_000;
  if (failure && NOT_NOW.has(failure.code)) {
    return { kind: "postponed", destination, waitMs, why: null };
  }
  ctx.log.warn("delivery failed", { delivery, ...errorFields(error) });
  if (!failure?.code.startsWith("downstream-")) {
    // A fault of ours, at which the destination has no part. It is told without its cause.
    return { kind: "postponed", destination, waitMs, why: PROBLEMS["internal-error"].title };
  }
  return {
    kind: "answered",
    destination,
    error: failure.message,
    status: null,
    durationMs: Date.now() - startedAt,
    text: null,
    waitMs: 0,
  };
}

/** The breaker is open, or we are busy ourselves. */
const NOT_NOW: ReadonlySet<ProblemCode> = new Set(["circuit-open", "quota-exceeded", "overloaded"]);

/** As text, whatever it is; a letter that is cut in two is left out. */
function beginningOf(body: Uint8Array): string | null {
  if (body.byteLength === 0) return null;
  return new TextDecoder().decode(body, { stream: true });
}
