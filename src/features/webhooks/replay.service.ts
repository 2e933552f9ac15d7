import type { TenantCtx } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { type EventRow, getEvent } from "./inspect.service.ts";
import {
  countDeadLetters,
  type DeadLetterFilters,
  findDeadLetters,
  replayMany,
  replayOne,
} from "./replay.repository.ts";
import { ringDrain } from "./ring-drain.ts";

/** Dead letters that one call replays. */
export const MOST_REPLAYED = 1_000;

/**
 * Tries an event that has failed once more, with all its attempts. It waits behind what is new.
 * @throws Failure `not-found`, `event-state` for one that has not failed
 */
export async function replay(ctx: TenantCtx, eventId: string): Promise<EventRow> {
  const before = await getEvent(ctx, eventId, "primary");
  if (before.status !== "failed" && before.status !== "dead_letter") {
    throw new Failure("event-state", `An event that is ${before.status} is not replayed.`);
  }
  const at = new Date();
  const after: EventRow = {
    ...before,
    status: "pending",
    replay: true,
    attemptsLeft: before.maxAttempts,
    dueAt: at,
    endedAt: null,
    toldAt: null,
    buriedAt: null,
  };
  const result = await commit(
    ctx,
    [replayOne(eventId, at)],
    [{ action: "webhook.replayed", target: eventId }],
    after,
  );
  await ringDrain(ctx);
  return result;
}

/** How many there were, if they were counted, and how many of them are tried again. */
export interface BulkReplay {
  readonly matched: number;
  readonly replayed: number;
  /** Whether there were more than one call replays. */
  readonly more: boolean;
}

/**
 * Tries dead letters once more, the oldest first, at most {@link MOST_REPLAYED} a call.
 * @param dryRun only count
 * @throws Failure `conflict` when somebody else changed one of them meanwhile; nothing was done
 */
export async function replayDeadLetters(
  ctx: TenantCtx,
  filters: DeadLetterFilters,
  dryRun: boolean,
): Promise<BulkReplay> {
  if (dryRun) {
    const matched = await countDeadLetters(ctx.db, filters);
    return { matched, replayed: 0, more: matched > MOST_REPLAYED };
  }
  const found = await findDeadLetters(ctx.db, filters, MOST_REPLAYED + 1);
  const ids = found.slice(0, MOST_REPLAYED);
  if (ids.length === 0) return { matched: 0, replayed: 0, more: false };
  const result = await commit(
    ctx,
    replayMany(ids, new Date()),
    [{ action: "webhook.dead_letters_replayed", details: { ...filters, events: ids.length } }],
    { matched: ids.length, replayed: ids.length, more: found.length > ids.length },
  );
  await ringDrain(ctx);
  return result;
}
