import type { TenantCtx } from "../../platform/context.ts";
import { ringJob } from "../../platform/jobs/ring-drain.ts";
import { Failure } from "../../platform/problems.ts";
import { commitAside } from "../../platform/tenancy/index.ts";
import { EVALUATE, type Folded, fold, hasSamples } from "../rules/index.ts";
import { keepJudged, readWaiting, requireUnjudged, type Waiting } from "./evaluate.repository.ts";
import { consequencesOf } from "./evaluate-consequences.ts";

/** What one commit takes. */
const MOST_SAMPLES = 500;
/**
 * What one run does to signals: that is up to 20 statements each, and D1 allows a run 1,000. The sample
 * that reaches it is judged to its end.
 */
const MOST_CHANGES = 30;
/** Commits, and races lost, after which the next doorbell goes on. */
const ROUNDS = 6;

/**
 * Holds the tenant's rules against the samples that wait. What a sample does is one commit with its
 * being judged, so that each is judged once however many evaluate at the same time, and an evaluation
 * that ends on the way has done nothing. It rings for what it leaves.
 *
 * One that fails leaves all samples where they are and throws, for the queue to try again: what is taken
 * in can be judged, so the fault is ours or the database's, and samples that were dropped for it would
 * be breaches that nobody hears of.
 * @param rounds commits, and races lost, at most
 */
export async function evaluateSamples(ctx: TenantCtx, rounds = ROUNDS): Promise<void> {
  const judge = asJob(ctx);
  let left = MOST_CHANGES;
  for (let round = 0; round < rounds && left > 0; round++) {
    const waiting = await readWaiting(ctx.db, MOST_SAMPLES);
    if (waiting.samples.length === 0) return;
    const { taken, changes } = await evaluate(judge, waiting, left);
    // Whoever takes samples later comes to evaluate them.
    if (taken === waiting.samples.length && taken < MOST_SAMPLES) return;
    left -= changes;
  }
  await ringJob(ctx, EVALUATE);
}

/** The samples are everybody's: what comes of them is not the work of whoever has brought the last. */
function asJob(ctx: TenantCtx): TenantCtx {
  const request = { id: ctx.request.id, ip: "", userAgent: "" };
  return { ...ctx, request, principal: { kind: "job", name: EVALUATE.name } };
}

/** Nothing was judged: somebody else was faster, or a rule was changed. */
const LOST: Folded = { taken: 0, states: [], transitions: [], changes: 0 };

async function evaluate(
  ctx: TenantCtx,
  { rules, open, samples }: Waiting,
  most: number,
): Promise<Folded> {
  const folded = fold(rules, open, samples, most);
  const [first, last] = [samples[0], samples[folded.taken - 1]];
  if (!first || !last) return LOST;
  const { steps, audit, ring } = await consequencesOf(ctx, folded.transitions, new Date());
  try {
    await commitAside(
      ctx,
      [...requireUnjudged(first, folded.states), ...steps, ...keepJudged(last, folded.states)],
      [{ action: "metric_samples.judged", summed: true, times: folded.taken }, ...audit],
    );
  } catch (error) {
    if (error instanceof Failure && error.code === "conflict") return LOST;
    throw error;
  }
  await ring?.(ctx);
  return folded;
}

/** What comes by the clock for samples that no doorbell was rung for. */
export async function lookForSamples(ctx: TenantCtx): Promise<void> {
  if (await hasSamples(ctx.db)) await ringJob(ctx, EVALUATE);
}
