import type { PlatformCtx, TenantCtx } from "../context.ts";
import { errorFields } from "../observe/logger.ts";
import { visitTenants } from "../tenancy/index.ts";
import { type Chore, ROUNDS, type Round } from "./chores.ts";
import type { QueueJob } from "./consume.ts";
import { ChoresFailed } from "./fault-kind.ts";
import { roundBell, roundJob } from "./round-bells.ts";
import type { Run } from "./run-log.ts";
import type { Schedule } from "./schedules.ts";

const NAMES = Object.keys(ROUNDS) as Round[];

/** The schedules that ring: of each round one, and at each tenant one bell. */
export const roundSchedules: readonly Schedule[] = NAMES.map((round) => ({
  name: roundJob(round).name,
  cron: ROUNDS[round].cron,
  run: (ctx, run) => ringRound(ctx, round, run),
}));

/** The jobs that the bells call for: all chores of the round, one after the other. */
export function roundJobs(chores: readonly Chore[]): QueueJob[] {
  return NAMES.map((round) => {
    const own = chores.filter(({ rounds }) => rounds.includes(round));
    return { ...roundJob(round), run: (ctx) => doChores(ctx, own) };
  });
}

/** One bell for each tenant, a page in a call. Where it is broken off, the run knows how far it came. */
async function ringRound(ctx: PlatformCtx, round: Round, run: Run): Promise<void> {
  const { which } = ROUNDS[round];
  run.reached = { tenants: 0, last: run.after };
  await visitTenants(ctx, { which, after: run.after }, async (page) => {
    const { tenants: before = 0, last: lastBefore = "" } = run.reached ?? {};
    const bells = page.map((house, at) =>
      roundBell(round, house, { runId: run.id, place: before + at }),
    );
    await ctx.queues.ringAll(bells);
    run.reached = { tenants: before + page.length, last: page.at(-1)?.id ?? lastBefore };
  });
}

/**
 * Each by itself and under its own name: one that fails does not stop the others.
 * @throws ChoresFailed in the end, so that the bell comes again
 */
async function doChores(ctx: TenantCtx, chores: readonly Chore[]): Promise<void> {
  const failures: { chore: string; error: unknown }[] = [];
  for (const { name, run } of chores) {
    const log = ctx.log.with({ chore: name });
    try {
      await run({ ...ctx, log, principal: { kind: "job", name } });
    } catch (error) {
      log.error("chore failed", errorFields(error));
      failures.push({ chore: name, error });
    }
  }
  if (failures.length > 0) throw new ChoresFailed(failures);
}
