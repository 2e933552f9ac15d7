import type { TenantCtx } from "../../platform/context.ts";
import { doorbell } from "../../platform/jobs/doorbell.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { deleteRejections } from "./rejections.repository.ts";
import { archiveEvents, findArchived, findOver, forgetEvents } from "./retain.repository.ts";

/** Name of the job that drops what is kept long enough. */
export const RETAIN = "webhooks.retain";

/** Rows that one commit touches: a commit must stay far below D1's 30 seconds. */
const CHUNK = 500;
const DAY_MS = 86_400_000;

/**
 * Drops payloads, attempts and rejections after `WEBHOOK_PAYLOAD_DAYS`, and forgets events after
 * `WEBHOOK_EVENT_DAYS`: a chunk of each, then it rings again if there is more.
 */
export async function retain(ctx: TenantCtx): Promise<void> {
  const { WEBHOOK_PAYLOAD_DAYS, WEBHOOK_EVENT_DAYS } = ctx.settings;
  const old = (days: number) => new Date(Date.now() - days * DAY_MS);
  const payloadsBefore = old(WEBHOOK_PAYLOAD_DAYS);
  const over = await findOver(ctx.db, payloadsBefore, CHUNK);
  if (over.length > 0) {
    await commit(ctx, archiveEvents(over), [
      { action: "webhook.events_archived", details: { events: over.length } },
    ]);
  }
  const known = await findArchived(ctx.db, old(WEBHOOK_EVENT_DAYS), CHUNK);
  if (known.length > 0) {
    await commit(
      ctx,
      [forgetEvents(known)],
      [{ action: "webhook.events_forgotten", details: { events: known.length } }],
    );
  }
  const rejections = deleteRejections(payloadsBefore, CHUNK);
  await commit(
    ctx,
    [rejections],
    [{ action: "webhook.rejections_forgotten", whenChanged: "webhook_rejections.delete" }],
  );
  if (over.length === CHUNK || known.length === CHUNK) {
    await ctx.queues.ring(doorbell(RETAIN, ctx.realm, { again: true }));
  }
}
