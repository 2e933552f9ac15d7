import type { TenantCtx } from "../../platform/context.ts";
import { doorbell } from "../../platform/jobs/doorbell.ts";
import { errorFields } from "../../platform/observe/logger.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { findUnburied, markBuried } from "./dead-letters.repository.ts";

/** Name of the job that sees to dead letters. */
export const DEAD_LETTER = "webhooks.dead_letter";

/** Dead letters told again per visit. */
const TOLD_AGAIN = 25;

/** Tells the dead-letter queue. If it cannot be told now, {@link rebury} tells it later. */
export async function bury(ctx: TenantCtx, eventId: string): Promise<void> {
  try {
    await ctx.queues.bury(doorbell(DEAD_LETTER, ctx.realm, { item: eventId }));
  } catch (error) {
    ctx.log.warn("dead letter not sent", { event: eventId, ...errorFields(error) });
  }
}

/** Tells the queue of dead letters that its consumer has not seen. */
export async function rebury(ctx: TenantCtx, now: number): Promise<void> {
  for (const { id } of await findUnburied(ctx.db, now, TOLD_AGAIN)) await bury(ctx, id);
}

/** What the dead-letter queue's consumer does: it is written down, once, that the event is dead. */
export async function receiveDeadLetter(ctx: TenantCtx, eventId: string): Promise<void> {
  await commit(
    ctx,
    [markBuried(eventId, new Date())],
    [{ action: "webhook.buried", target: eventId, whenChanged: "webhook_events.bury" }],
  );
  ctx.log.error("webhook is a dead letter", { event: eventId, tenant: ctx.realm.slug });
}
