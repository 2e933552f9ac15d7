import type { TenantCtx } from "../../platform/context.ts";
import { doorbell, type JobAddress } from "../../platform/jobs/doorbell.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { findOld, forgetDeliveries, forgetDestination, forgetSecret } from "./retain.repository.ts";

/** The job that drops what is kept long enough. */
export const RETAIN: JobAddress = { name: "destinations.retain", queue: "doorbells" };

/** What one commit drops, in rows: it must stay far below D1's 30 seconds. */
const CHUNK = 500;
const DAY_MS = 86_400_000;

/**
 * Drops deliveries and attempts after `WEBHOOK_PAYLOAD_DAYS`, secrets that have expired, and what
 * deleted destinations have left: a chunk of each, then it rings again if there is more. Where
 * nothing is old it is one read.
 */
export async function retain(ctx: TenantCtx): Promise<void> {
  const now = new Date();
  const before = new Date(now.getTime() - ctx.settings.WEBHOOK_PAYLOAD_DAYS * DAY_MS);
  const old = await findOld(ctx.db, before, now, CHUNK);
  for (const ids of [old.ended, old.orphaned]) {
    if (ids.length === 0) continue;
    // One that is sent anew meanwhile is spared, so there may be fewer.
    const details = { deliveries_at_most: ids.length };
    await commit(ctx, forgetDeliveries(ids, before), [
      { action: "delivery.forgotten", details, whenChanged: "deliveries.forget" },
    ]);
  }
  for (const id of old.secrets) {
    const step = forgetSecret(id, now);
    await commit(
      ctx,
      [step],
      [{ action: "destination_secret.expired", target: id, whenChanged: step.as }],
    );
  }
  for (const id of old.deleted) {
    await commit(
      ctx,
      [forgetDestination(id)],
      [{ action: "destination.forgotten", target: id, whenChanged: "destinations.forget" }],
    );
  }
  if ([old.ended.length, old.orphaned.length, old.secrets.length].includes(CHUNK)) {
    await ctx.queues.ring(doorbell(RETAIN, ctx.realm, { again: true }));
  }
}
