import { newId } from "../../platform/ids.ts";
import { ringDeliveries } from "../destinations/index.ts";
import { type FoundEvent, insertionOf, recordIfFound } from "./found-event.repository.ts";
import type { Recording } from "./record.service.ts";

/**
 * Records an event only if the select finds what it is about: for changes that only the database
 * knows to have happened. Its numbers are nobody's metrics.
 */
export function recordFound(event: Omit<FoundEvent, "id">): Recording {
  const id = newId("event");
  const { type, source } = event;
  return {
    steps: recordIfFound({ ...event, id }),
    audit: [
      {
        action: "event.created",
        target: id,
        details: { type, source },
        whenChanged: insertionOf(id),
      },
    ],
    ring: ringDeliveries,
  };
}
