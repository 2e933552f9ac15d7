import type { TenantCtx } from "../../platform/context.ts";
import { Failure } from "../../platform/problems.ts";
import { commit, type Step } from "../../platform/tenancy/index.ts";
import { type Becoming, type FoundSignal, raise, readRisk, recover } from "../signals/index.ts";
import { findNews, requireNews } from "./news.repository.ts";

/** A signal that is not raised twice. */
export type TroubleSignal = FoundSignal & { readonly dedupeKey: string };

/**
 * Raises what nobody was told of yet. What somebody has resolved stays resolved until it happens
 * anew, though it may stand as it did.
 */
export async function raiseNews(ctx: TenantCtx, troubles: readonly TroubleSignal[]): Promise<void> {
  if (troubles.length === 0) return;
  const news = new Set(await findNews(ctx.db, troubles));
  for (const trouble of troubles) {
    if (!news.has(trouble.dedupeKey)) continue;
    const now = new Date();
    const raising = raise(trouble, await readRisk(ctx.db, [trouble.kind], now), now);
    await commitUnless(ctx, raising, [requireNews(trouble)]);
  }
}

/** Resolves what is over, if `stillOver` says so in the commit. */
export async function recoverAll(
  ctx: TenantCtx,
  dedupeKeys: readonly string[],
  stillOver: (dedupeKey: string) => Step[] = () => [],
): Promise<void> {
  for (const dedupeKey of dedupeKeys) {
    await commitUnless(ctx, recover(dedupeKey, new Date()), stillOver(dedupeKey));
  }
}

/** Commits it, unless it is otherwise by now: then the next visit will see. */
async function commitUnless(
  ctx: TenantCtx,
  { steps, audit, ring }: Becoming,
  guards: readonly Step[],
): Promise<void> {
  try {
    await commit(ctx, [...guards, ...steps], audit);
  } catch (error) {
    if (error instanceof Failure && error.code === "conflict") return;
    throw error;
  }
  await ring(ctx);
}
