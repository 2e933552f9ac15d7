import type { TenantCtx } from "../context.ts";
import { newId } from "../ids.ts";
import { errorFields } from "../observe/logger.ts";
import { Failure } from "../problems.ts";
import { commit, type RealmDb, type Step } from "../tenancy/index.ts";
import type { Doorbell, JobAddress } from "./doorbell.ts";
import type { ChainClaim, ChainSeen, Rest } from "./drain-row.ts";
import { ringJob } from "./ring-drain.ts";
import { tellSweeper } from "./tell-sweeper.ts";

/** How long a consumer may work on what it took, in ms. */
const LEASE_MS = 60_000;
/** How long a chain is trusted to ring its next doorbell, in ms. */
const CHAIN_MS = 60_000;
/** Pause of a chain that could take nothing of what is due, because others have it, in seconds. */
const PAUSE_SECONDS = 5;

/** What is drained: rows that are due, each under a lease while somebody works on it. */
export interface Drained<Row> {
  /** The job whose doorbells call for it. */
  readonly job: JobAddress;
  /** For audit rows and log lines, such as `webhook`. */
  readonly what: string;
  /** When a run begins nothing more, in ms: what it began must be able to end within the lease. */
  readonly beginWithinMs: number;
  /** Takes some of what is due, and the chain with it; fails with `conflict` when it is another's. */
  readonly claim: (claim: ChainClaim) => Step[];
  /** What a lease holds. */
  readonly held: (db: RealmDb, lease: string) => Promise<readonly Row[]>;
  /**
   * Works on the rows, and begins with none that `mayBegin` does not allow.
   * @returns those that it did not begin with
   */
  readonly work: (
    ctx: TenantCtx,
    rows: readonly Row[],
    mayBegin: () => boolean,
  ) => Promise<readonly Row[]>;
  /** Gives back what nobody began with: due at once, as if it had not been taken. */
  readonly giveBack: (rows: readonly Row[], lease: string, dueAt: Date) => Step[];
  readonly rest: (db: RealmDb) => Promise<Rest>;
}

/**
 * One doorbell's share of what is due; it rings again if there is more, since the tail of the queue
 * is behind everybody else's doorbells. Each bell of such a chain carries the token of the run that
 * rang it. While the chain is alive all other bells of the tenant do nothing, its own doubled ones
 * too, so a flood of them is one chain.
 * @param seen what was read at `now` (ms) before; something was due
 */
export async function runChained<Row>(
  ctx: TenantCtx,
  bell: { readonly again?: Doorbell["again"] },
  seen: ChainSeen,
  now: number,
  drained: Drained<Row>,
): Promise<void> {
  const token = typeof bell.again === "string" ? bell.again : null;
  if (seen.chainUntil > now && seen.chain !== token) return;
  // Before anything is taken: should this consumer end on the way, the sweeper finds what it took.
  await tellSweeper(ctx);
  const lease = newId("lease");
  if (!(await claim(ctx, drained, lease, token, now))) return;
  const rows = await drained.held(ctx.db, lease);
  const unbegun = await drained.work(ctx, rows, () => Date.now() - now < drained.beginWithinMs);
  if (unbegun.length > 0) await returnAll(ctx, drained, lease, unbegun, now);
  const run = { lease, seen, took: rows.length > 0, gave: unbegun.length > 0 };
  await ringAfter(ctx, drained, run);
}

/** Whether it was this consumer that took what is due. */
async function claim<Row>(
  ctx: TenantCtx,
  { claim: steps, what }: Drained<Row>,
  lease: string,
  token: string | null,
  now: number,
): Promise<boolean> {
  const times = { now, leaseUntil: now + LEASE_MS, chainUntil: now + CHAIN_MS };
  try {
    const entry = { action: `${what}.claimed`, summed: true } as const;
    await commit(ctx, steps({ ...times, lease, token }), [entry]);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.code === "conflict") return false;
    throw error;
  }
}

/** Without this they would wait for the end of the lease, and that one would count as lost. */
async function returnAll<Row>(
  ctx: TenantCtx,
  { giveBack, what }: Drained<Row>,
  lease: string,
  rows: readonly Row[],
  now: number,
): Promise<void> {
  try {
    const entry = { action: `${what}.given_back`, summed: true } as const;
    await commit(ctx, giveBack(rows, lease, new Date(now)), [entry]);
  } catch (error) {
    ctx.log.warn(`${what}s not given back`, { rows: rows.length, ...errorFields(error) });
  }
}

/**
 * The next doorbell of the chain, and one for what failed and is to be tried again first, unless a
 * bell for it was under way before. What was given back is due though the chain may have ended: any
 * bell will do then.
 */
async function ringAfter<Row>(
  ctx: TenantCtx,
  { job, rest }: Drained<Row>,
  run: { lease: string; seen: ChainSeen; took: boolean; gave: boolean },
): Promise<void> {
  const { chain, retryRungFor } = await rest(ctx.db);
  if (chain === run.lease) {
    await ringJob(ctx, job, { again: chain, delaySeconds: run.took ? 0 : PAUSE_SECONDS });
  } else if (run.gave) {
    await ringJob(ctx, job);
  }
  if (retryRungFor === null || retryRungFor === run.seen.retryRungFor) return;
  await ringJob(ctx, job, { delaySeconds: (retryRungFor - Date.now()) / 1_000 });
}
