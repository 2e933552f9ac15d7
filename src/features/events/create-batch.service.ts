import type { TenantCtx } from "../../platform/context.ts";
import { onceMore } from "../../platform/once-more.ts";
import type { FieldError } from "../../platform/problems.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { findActivity } from "../actors/index.ts";
import { actorFault, type EventInput, postedRow, timeFault } from "./create.service.ts";
import { recordActed } from "./record.service.ts";

/** The most events in a batch. */
export const MOST_EVENTS = 500;

/** One event of a batch, as far as it is known. */
type Element = { readonly input: EventInput } | { readonly errors: readonly FieldError[] };

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
  return onceMore(async () => store(ctx, await judgeActors(ctx, inTime)));
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

async function store(
  ctx: TenantCtx,
  elements: readonly Element[],
): Promise<readonly EventOutcome[]> {
  const judged = elements.map((each) =>
    "errors" in each ? each : { row: postedRow(ctx, each.input) },
  );
  const rows = judged.flatMap((each) => ("row" in each ? each.row : []));
  const outcomes = judged.map(
    (each, index): EventOutcome =>
      "row" in each
        ? { index, status: "created", eventId: each.row.id }
        : { index, status: "rejected", errors: each.errors },
  );
  const rejected = outcomes.length - rows.length;
  if (rows.length === 0) {
    // Nothing is changed; but whoever has sent a key is to be answered the same again.
    if (ctx.idempotency) {
      const details = { rejected };
      await commit(ctx, [], [{ action: "events.rejected", details, summed: true }], outcomes);
    }
    return outcomes;
  }
  const { steps, ring } = recordActed(rows, "conflict");
  const details = { events: rows.length, rejected };
  await commit(ctx, steps, [{ action: "events.created", details }], outcomes);
  await ring(ctx);
  return outcomes;
}
