import type { FoundSignal } from "../signals/index.ts";
import type { DeadLetter } from "./dead-letters.repository.ts";

/** What signals of dead letters are about, and how their dedupe keys begin: the service's slug follows. */
export const DEAD_LETTERS = { kind: "webhook.dead_letter", key: "webhook:" } as const;

/** What a dead letter tells people; those of one service are one signal. Nothing of its payload. */
export function deadLetterSignal(dead: DeadLetter, now: Date) {
  const { id, service, type, attempts, lastError, endedAt } = dead;
  return {
    source: "webhook",
    kind: DEAD_LETTERS.kind,
    severity: "high",
    title: `Webhooks of ${service} have failed for good`,
    description: `The last was ${id} (type ${type}, attempts ${attempts}): ${lastError}`,
    occurredAt: endedAt ?? now,
    dedupeKey: `${DEAD_LETTERS.key}${service}`,
  } as const satisfies FoundSignal;
}
