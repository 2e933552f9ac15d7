import type { TenantCtx } from "../../platform/context.ts";
import { deadLetterSignal } from "../webhooks/index.ts";
import { requireNoneDead, reviewDead } from "./review.repository.ts";
import { raiseNews, recoverAll } from "./tell.service.ts";

/** Signals raised per visit; the others wait for the next. */
const MOST_RAISED = 20;

/**
 * Compares dead letters with their signals: raises for services of whose dead letters nobody was told,
 * as those of before there were signals, and resolves where all were replayed or archived.
 */
export async function reviewDeadLetters(ctx: TenantCtx): Promise<void> {
  const { missed, over } = await reviewDead(ctx.db, MOST_RAISED);
  const now = new Date();
  await recoverAll(ctx, over, (dedupeKey) => [requireNoneDead(dedupeKey)]);
  await raiseNews(
    ctx,
    missed.map((dead) => deadLetterSignal(dead, now)),
  );
}
