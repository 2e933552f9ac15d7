import { Buffer } from "node:buffer";
import type { z } from "zod";
import type { EventDetail, EventRow, WebhookHealth } from "./inspect.service.ts";
import type { Receipt } from "./receive.service.ts";
import type { BatchOutcome } from "./receive-batch.service.ts";
import type * as schemas from "./webhooks.schemas.ts";

export function presentReceipt(receipt: Receipt): z.input<typeof schemas.Receipt> {
  return receipt.status === "challenged"
    ? { challenge: receipt.challenge }
    : { status: receipt.status, event_id: receipt.eventId };
}

export function presentBatch(
  outcomes: readonly BatchOutcome[],
): z.input<typeof schemas.BatchReceipt> {
  const having = (status: BatchOutcome["status"]) =>
    outcomes.filter((outcome) => outcome.status === status).length;
  return {
    accepted: having("accepted"),
    duplicate: having("duplicate"),
    rejected: having("rejected"),
    results: outcomes.map((outcome) => {
      const { index, status } = outcome;
      return outcome.status === "rejected"
        ? { index, status, reason: outcome.reason }
        : { index, status, event_id: outcome.eventId };
    }),
  };
}

export function presentEvent(event: EventRow): z.input<typeof schemas.WebhookEvent> {
  return {
    id: event.id,
    service: event.service,
    type: event.type,
    provider_id: event.providerId,
    conflicting: event.conflicting,
    test: event.test,
    status: event.status,
    replay: event.replay,
    attempts: event.attempts,
    last_error: event.lastError,
    size: event.size,
    received_at: event.receivedAt.toISOString(),
    next_attempt_at: nextAttempt(event)?.toISOString() ?? null,
    ended_at: event.endedAt?.toISOString() ?? null,
  };
}

/** What is pending is due at once, unless it was put off. */
function nextAttempt({ status, dueAt }: EventRow): Date | null {
  const isWaiting = status === "failed" || (status === "pending" && dueAt && +dueAt > Date.now());
  return isWaiting ? dueAt : null;
}

export function presentDetail({
  event,
  attempts,
  payload,
}: EventDetail): z.input<typeof schemas.WebhookEventDetail> {
  return {
    ...presentEvent(event),
    attempt_log: attempts.map(({ number, startedAt, endedAt, outcome, error, lease }) => ({
      number,
      started_at: startedAt.toISOString(),
      ended_at: endedAt?.toISOString() ?? null,
      outcome: outcome ?? (lease === event.lease ? "running" : "lost"),
      error,
    })),
    payload: payload && {
      content_type: payload.contentType,
      ...(payload.text === null
        ? { encoding: "base64", body: Buffer.from(payload.bytes ?? []).toString("base64") }
        : { encoding: "utf-8", body: payload.text }),
    },
  };
}

export function presentHealth({
  status,
  details,
  breakers,
}: WebhookHealth): z.input<typeof schemas.WebhookHealth> {
  if (!details) return { status };
  const { counts, oldestPending, consumerSeen } = details;
  const age = oldestPending && (Date.now() - oldestPending.getTime()) / 1_000;
  return {
    status,
    counts,
    oldest_pending_seconds: age,
    consumer_seen_at: consumerSeen?.toISOString() ?? null,
    ...(breakers ? { breakers: breakers.map(({ service, state }) => ({ service, state })) } : {}),
  };
}
