import type { TenantCtx } from "../../platform/context.ts";
import { doorbell, type JobAddress } from "../../platform/jobs/doorbell.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { countOld, forgetEvents } from "./retain.repository.ts";

/** The job that forgets what is kept long enough. */
export const RETAIN: JobAddress = { name: "events.retain", queue: "doorbells" };

/** What one commit forgets, in rows: it must stay far below D1's 30 seconds. */
const CHUNK = 500;
const DAY_MS = 86_400_000;

/**
 * Forgets events `EVENT_DAYS` after they were recorded, whatever their own times are: what a webhook
 * tells of long ago is new here, and its deliveries need it. A chunk at a time, then it rings again if
 * there may be more. A delivery whose event is gone ends and says so.
 */
export async function retain(ctx: TenantCtx): Promise<void> {
  const before = limitOf(ctx);
  const old = await countOld(ctx.db, before, CHUNK);
  if (old === 0) return;
  await commit(
    ctx,
    [forgetEvents(before, CHUNK)],
    [{ action: "events.forgotten", details: { events: old }, whenChanged: "events.forget" }],
  );
  if (old === CHUNK) await ctx.queues.ring(doorbell(RETAIN, ctx.realm, { again: true }));
}

/** Has the job come where anything is old: one read. */
export async function lookForOld(ctx: TenantCtx): Promise<void> {
  if ((await countOld(ctx.db, limitOf(ctx), 1)) > 0) await ringJob(ctx, RETAIN);
}

function limitOf(ctx: TenantCtx): Date {
  return new Date(Date.now() - ctx.settings.EVENT_DAYS * DAY_MS);
}
