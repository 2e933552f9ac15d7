import type { z } from "zod";
import type { EventOutcome } from "./create-batch.service.ts";
import type { EventRow } from "./events.repository.ts";
import type * as schemas from "./events.schemas.ts";

export function presentEvent(row: EventRow): z.input<typeof schemas.Event> {
  return {
    id: row.id,
    event_type: row.type,
    source: row.source,
    source_id: row.sourceId,
    subject: row.subject,
    actor_id: row.actorId,
    timestamp: row.occurredAt.toISOString(),
    recorded_at: row.recordedAt.toISOString(),
    metadata: row.metadata,
  };
}

export function presentOutcomes(
  outcomes: readonly EventOutcome[],
): z.input<typeof schemas.EventReceipts> {
  const created = outcomes.filter(({ status }) => status === "created").length;
  return {
    created,
    rejected: outcomes.length - created,
    results: outcomes.map((outcome) => {
      const { index, status } = outcome;
      return outcome.status === "created"
        ? { index, status, event_id: outcome.eventId }
        : { index, status, errors: [...outcome.errors] };
    }),
  };
}
