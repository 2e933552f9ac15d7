import type { TenantCtx } from "../../platform/context.ts";
import { onceMore } from "../../platform/once-more.ts";
import type { FieldError } from "../../platform/problems.ts";
import { isOverQuota, quotasFor, refusalOf } from "../../platform/quotas/refusal.ts";
import { eventsIn } from "../../platform/quotas/usage.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { findActivity } from "../actors/index.ts";
import { actorFault, type EventInput, postedRow, timeFault } from "./create.service.ts";
import type { EventRow } from "./events.repository.ts";
import { recordActed } from "./record.service.ts";

/** The most events in a batch. */
export const MOST_EVENTS = 500;

/** One event of a batch, as far as it is known. */
type Element = { readonly input: EventInput } | { readonly errors: readonly FieldError[] };

/** One that is right has its row. */
type Judged = { readonly row: EventRow } | Extract<Element, { errors: unknown }>;

/** What became of one event of a batch. */
export type EventOutcome =
  | { readonly index: number; readonly status: "created"; readonly eventId: string }
  | { readonly index: number; readonly status: "rejected"; readonly errors: readonly FieldError[] };

/**
 * Records what is right of a batch, all of it in one commit. Where an actor was made inactive between
 * look and commit, nothing is stored, and the batch is judged once more.
 * @throws Failure `conflict` when that happens again and again
 */
export async function createBatch(
  ctx: TenantCtx,
  elements: readonly Element[],
): Promise<readonly EventOutcome[]> {
  const inTime = elements.map((each) => faulty(each, (input) => timeFault(ctx, input)));
  return onceMore(async () => store(ctx, withRows(ctx, await judgeActors(ctx, inTime))));
}

async function judgeActors(ctx: TenantCtx, elements: readonly Element[]): Promise<Element[]> {
  const ids = elements.flatMap((each) => ("input" in each ? each.input.actor_id : []));
  if (ids.length === 0) return [...elements];
  const activity = await findActivity(ctx.db, [...new Set(ids)]);
  return elements.map((each) => faulty(each, (input) => actorFault(input, activity)));
}

/** The element, which is wrong also where `faultOf` finds something. */
function faulty(element: Element, faultOf: (input: EventInput) => FieldError | null): Element {
  if ("errors" in element) return element;
  const fault = faultOf(element.input);
  return fault ? { errors: [fault] } : element;
}

/** The elements, each with its row where it is right. */
function withRows(ctx: TenantCtx, elements: readonly Element[]): Judged[] {
  return elements.map((each) => ("errors" in each ? each : { row: postedRow(ctx, each.input) }));
}

/**
 * Stores what is right. Where the month has not room for all of it, the first that fit.
 * @param most so many have room
 */
async function store(
  ctx: TenantCtx,
  judged: readonly Judged[],
  most = MOST_EVENTS,
): Promise<readonly EventOutcome[]> {
  const right = judged.flatMap((each) => ("row" in each ? each.row : []));
  const rows = right.slice(0, most);
  const refused = right.length - rows.length;
  const { events_per_month: quota } = quotasFor(ctx);
  const kept = new Set(rows);
  const outcomes = judged.map((each, index): EventOutcome => {
    if ("errors" in each) return { index, status: "rejected", errors: each.errors };
    if (kept.has(each.row)) return { index, status: "created", eventId: each.row.id };
    return { index, status: "rejected", errors: [overTheQuota(quota)] };
  });
  const rejected = outcomes.length - rows.length;
  const refusals = refused > 0 ? [refusalOf("events_per_month", refused)] : [];
  if (rows.length === 0) {
    // Nothing is changed; but whoever has sent a key is to be answered the same again.
    const [first, ...more] = [
      ...(ctx.idempotency
        ? [{ action: "events.rejected", details: { rejected }, summed: true } as const]
        : []),
      ...refusals,
    ];
    if (first) await commit(ctx, [], [first, ...more], outcomes);
    return outcomes;
  }
  const { steps, ring } = recordActed(rows, { otherwise: "conflict", quota });
  const created = { action: "events.created", details: { events: rows.length, rejected } };
  try {
    await commit(ctx, steps, [created, ...refusals], outcomes);
  } catch (error) {
    if (quota === null || !isOverQuota(error)) throw error;
    const used = await eventsIn(ctx.db, rows[0]?.recordedAt ?? new Date());
    // One fewer at least, also where the month has just turned.
    return store(ctx, judged, Math.max(0, Math.min(quota - used, rows.length - 1)));
  }
  await ring(ctx);
  return outcomes;
}

function overTheQuota(quota: number | null): FieldError {
  return { pointer: "", message: `is over the plan's quota of ${quota} events a month` };
}
