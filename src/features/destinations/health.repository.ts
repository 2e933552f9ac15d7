import { and, eq, isNotNull, isNull, lt, lte, or, sql } from "drizzle-orm";
import { noteRetry } from "../../platform/jobs/drain-row.ts";
import { type Step, write } from "../../platform/tenancy/index.ts";
import type { DestinationRow } from "./destinations.repository.ts";
import { type DisabledReason, deliveryDrain, destinations } from "./destinations.tables.ts";

/** Where something was posted: what one address answers says nothing of the next. */
type Place = Pick<DestinationRow, "id" | "url">;

const isStill = ({ id, url }: Place) => and(eq(destinations.id, id), eq(destinations.url, url));

/** For so long a destination must fail before it is disabled, in ms ... */
export const FAILING_MS = 5 * 86_400_000;
/** ... with at least so many failures ... */
const LEAST_FAILURES = 3;
/** ... and so much time between them, in ms: two bad moments are no illness. */
const BETWEEN_FAILURES_MS = 12 * 3_600_000;

/** All is well again. */
export function noteSuccess(place: Place): Step {
  return {
    statement: write
      .update(destinations)
      .set({ failingSince: null, failures: 0, failureCountedAt: null })
      .where(and(isStill(place), isNotNull(destinations.failingSince))),
    expect: "any",
    as: "destinations.health",
  };
}

/** Since when the destination has been failing, and how often, once in 12 hours. */
export function noteFailure(place: Place, at: Date): Step {
  const { failingSince, failures, failureCountedAt } = destinations;
  const countedBefore = new Date(at.getTime() - BETWEEN_FAILURES_MS);
  return {
    statement: write
      .update(destinations)
      .set({
        failingSince: sql`coalesce(${failingSince}, ${at.getTime()})`,
        failures: sql`${failures} + 1`,
        failureCountedAt: at,
      })
      .where(
        and(isStill(place), or(isNull(failureCountedAt), lte(failureCountedAt, countedBefore))),
      ),
    expect: "any",
    as: "destinations.health",
  };
}

/** Name of the step that changes something only where a destination is to be disabled. */
export const DISABLE = "destinations.disable";

/**
 * Disables a destination that is gone, or that has failed for long enough, this failure included; not
 * one that has another address by now.
 */
export function disableSick(
  place: Place,
  reason: Exclude<DisabledReason, "manual">,
  at: Date,
): Step {
  const { status, failingSince, failures } = destinations;
  const isOver = and(
    lte(failingSince, new Date(at.getTime() - FAILING_MS)),
    sql`${failures} >= ${LEAST_FAILURES}`,
  );
  return {
    statement: write
      .update(destinations)
      .set({
        status: "disabled",
        disabledReason: reason,
        disabledAt: at,
        updatedAt: at,
        version: sql`version + 1`,
      })
      .where(and(isStill(place), eq(status, "enabled"), reason === "gone" ? undefined : isOver)),
    expect: "any",
    as: DISABLE,
  };
}

/**
 * Leaves a destination in peace until then, or longer: what waits for it is not touched. The consumer
 * will ring for the end of it.
 */
export function pause(place: Place, until: Date, at: Date): Step[] {
  const { pausedUntil } = destinations;
  const step: Step = {
    statement: write
      .update(destinations)
      .set({ pausedUntil: until })
      .where(and(isStill(place), or(isNull(pausedUntil), lt(pausedUntil, until)))),
    expect: "any",
    as: "destinations.pause",
  };
  return [step, noteRetry(deliveryDrain, until, at)];
}
