import type { TenantCtx } from "../../platform/context.ts";
import { doorbell, type JobAddress } from "../../platform/jobs/doorbell.ts";
import { commit } from "../../platform/tenancy/index.ts";
import { type Becoming, raise, readRisk, recover } from "../signals/index.ts";
import { hasReplies, type Span, sumUpWeeks } from "./decay.repository.ts";
import { compareWeeks } from "./decay.ts";

/** The job that compares what support did in the last 7 days with the 7 before. */
export const DECAY: JobAddress = { name: "signals.decay", queue: "doorbells" };

/** Kind of the signal, and its key: at most one of a tenant is open. */
const SUPPORT_DECAY = "support_decay";
const DAYS = 7;
const DAY_MS = 86_400_000;

/**
 * Opens a signal where support has silently become less, and resolves it where it has not. While it
 * goes on, the open one is counted, and becomes more severe but not milder. Without replies in the
 * week before there is no comparison, and everything stays as it is.
 */
export async function findDecay(ctx: TenantCtx): Promise<void> {
  const now = new Date();
  const spans = spansOf(now);
  const { before, recent, isOpen } = await sumUpWeeks(ctx.db, spans, SUPPORT_DECAY);
  const verdict = compareWeeks(before, recent);
  if (!verdict) return;
  const { severity, indicators } = verdict;
  if (severity === null) {
    if (isOpen) await carryOut(ctx, recover(SUPPORT_DECAY, now));
    return;
  }
  const [from, to] = [spans.recent.from, spans.recent.to].map((time) => time.toISOString());
  const signal = {
    source: "rule",
    kind: SUPPORT_DECAY,
    severity,
    title: "Support is silently becoming less",
    description: `From ${from} to ${to}, against the ${DAYS} days before: ${indicators.join("; ")}.`,
    occurredAt: now,
    dedupeKey: SUPPORT_DECAY,
  } as const;
  await carryOut(ctx, raise(signal, await readRisk(ctx.db, [SUPPORT_DECAY], now), now));
}

/** Has the job come where there is something to compare with: one read. */
export async function lookForReplies(ctx: TenantCtx): Promise<void> {
  if (!(await hasReplies(ctx.db, spansOf(new Date()).before))) return;
  await ctx.queues.ring(doorbell(DECAY, ctx.realm));
}

async function carryOut(ctx: TenantCtx, { steps, audit, ring }: Becoming): Promise<void> {
  await commit(ctx, steps, audit);
  await ring(ctx);
}

/** The last 7 days, and the 7 before. */
export function spansOf(now: Date): { readonly before: Span; readonly recent: Span } {
  const daysAgo = (days: number) => new Date(now.getTime() - days * DAY_MS);
  return {
    before: { from: daysAgo(2 * DAYS), to: daysAgo(DAYS) },
    recent: { from: daysAgo(DAYS), to: now },
  };
}
