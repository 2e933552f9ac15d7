import type { TenantCtx } from "../../platform/context.ts";
import { doorbell, type JobAddress } from "../../platform/jobs/doorbell.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { deleteRejections } from "./rejections.repository.ts";
import {
  archiveEvents,
  findOld,
  forgetBatches,
  forgetEvents,
  type Old,
} from "./retain.repository.ts";

/** The job that drops what is kept long enough. */
export const RETAIN: JobAddress = { name: "webhooks.retain", queue: "doorbells" };

/** What one commit drops, in rows and in bytes of payloads: it must stay far below D1's 30 seconds. */
const CHUNK = 500;
const CHUNK_BYTES = 50_000_000;
const DAY_MS = 86_400_000;

/**
 * Drops payloads, attempts and rejections after `WEBHOOK_PAYLOAD_DAYS`, and forgets events and
 * batches after `WEBHOOK_EVENT_DAYS`: a chunk of each, then it rings again if there is more. Where
 * nothing is old it is one read.
 */
export async function retain(ctx: TenantCtx): Promise<void> {
  const { WEBHOOK_PAYLOAD_DAYS, WEBHOOK_EVENT_DAYS } = ctx.settings;
  const now = Date.now();
  const payloads = new Date(now - WEBHOOK_PAYLOAD_DAYS * DAY_MS);
  const events = new Date(now - WEBHOOK_EVENT_DAYS * DAY_MS);
  const old = await findOld(ctx.db, { payloads, events }, CHUNK);
  const over = chunkOf(old.over);
  if (over.length > 0) {
    // A dead letter that is replayed meanwhile is spared, so there may be fewer.
    await commit(ctx, archiveEvents(over), [
      { action: "webhook.events_archived", details: { events_at_most: over.length } },
    ]);
  }
  if (old.archived.length > 0) {
    await commit(
      ctx,
      [forgetEvents(old.archived)],
      [{ action: "webhook.events_forgotten", details: { events: old.archived.length } }],
    );
  }
  if (old.batches > 0) {
    await commit(
      ctx,
      [forgetBatches(events, CHUNK)],
      [{ action: "webhook.batches_forgotten", whenChanged: "webhook_batches.forget" }],
    );
  }
  if (old.rejections > 0) {
    await commit(
      ctx,
      [deleteRejections(payloads, CHUNK)],
      [{ action: "webhook.rejections_forgotten", whenChanged: "webhook_rejections.delete" }],
    );
  }
  const full = [old.archived.length, old.batches, old.rejections].includes(CHUNK);
  if (full || over.length < old.over.length || over.length === CHUNK) {
    await ctx.queues.ring(doorbell(RETAIN, ctx.realm, { again: true }));
  }
}

/** The first of them, up to the measure of a commit; one, however large it is. */
function chunkOf(over: Old["over"]): string[] {
  let bytes = 0;
  const ids: string[] = [];
  for (const { id, size } of over.slice(0, CHUNK)) {
    bytes += size;
    if (ids.length > 0 && bytes > CHUNK_BYTES) break;
    ids.push(id);
  }
  return ids;
}
