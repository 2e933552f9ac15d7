import type { TenantCtx } from "../../platform/context.ts";
import { doorbell, type JobAddress } from "../../platform/jobs/doorbell.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { findOld, forgetSignals } from "./retain.repository.ts";

/** The job that drops signals that were kept long enough. */
export const RETAIN: JobAddress = { name: "signals.retain", queue: "doorbells" };

/** What one commit drops, in rows: it must stay far below D1's 30 seconds. */
const CHUNK = 500;
const DAY_MS = 86_400_000;

/**
 * Drops signals `EVENT_DAYS` after they were resolved, and low ones that were not seen for so long:
 * a chunk, then it rings again if there may be more.
 */
export async function retain(ctx: TenantCtx): Promise<void> {
  const before = keptSince(ctx);
  const ids = await findOld(ctx.db, before, CHUNK);
  if (ids.length === 0) return;
  // One that is seen anew meanwhile is spared, so there may be fewer.
  const details = { signals_at_most: ids.length };
  await commit(ctx, forgetSignals(ids, before), [
    { action: "signal.forgotten", details, whenChanged: "signals.forget" },
  ]);
  if (ids.length === CHUNK) await ctx.queues.ring(doorbell(RETAIN, ctx.realm, { again: true }));
}

/** Has the job come where anything is to be dropped: one read. */
export async function lookForOld(ctx: TenantCtx): Promise<void> {
  const some = await findOld(ctx.db, keptSince(ctx), 1);
  if (some.length > 0) await ctx.queues.ring(doorbell(RETAIN, ctx.realm));
}

/** What is over for longer is not kept. */
function keptSince({ settings }: TenantCtx): Date {
  return new Date(Date.now() - settings.EVENT_DAYS * DAY_MS);
}
