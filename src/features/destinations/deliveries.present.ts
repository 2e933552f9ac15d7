import type { z } from "zod";
import type * as schemas from "./deliveries.schemas.ts";
import type { DeliveryDetail, DeliveryRow } from "./deliveries.service.ts";

export function presentDelivery(row: DeliveryRow): z.input<typeof schemas.Delivery> {
  return {
    id: row.id,
    event_id: row.eventId,
    event_type: row.type,
    sample: row.sample !== null,
    status: row.status,
    attempts: row.attempts,
    response_status: row.responseStatus,
    last_error: row.lastError,
    created_at: row.createdAt.toISOString(),
    next_attempt_at: row.status === "pending" ? (row.dueAt?.toISOString() ?? null) : null,
    ended_at: row.endedAt?.toISOString() ?? null,
  };
}

export function presentDetail({
  delivery,
  attempts,
}: DeliveryDetail): z.input<typeof schemas.DeliveryDetail> {
  return {
    ...presentDelivery(delivery),
    attempt_log: attempts.map((attempt) => ({
      number: attempt.number,
      started_at: attempt.startedAt.toISOString(),
      ended_at: attempt.endedAt?.toISOString() ?? null,
      outcome: attempt.outcome ?? (attempt.lease === delivery.lease ? "running" : "lost"),
      response_status: attempt.responseStatus,
      duration_ms: attempt.durationMs,
      error: attempt.error,
      response_text: attempt.responseText,
    })),
  };
}
