import type { Bindings } from "../../env.ts";
import type { PlatformCtx, TenantCtx } from "../context.ts";
import { inParallel } from "../in-parallel.ts";
import { createLogger } from "../observe/logger.ts";
import { Failure, type ProblemCode } from "../problems.ts";
import { enterTenant, platformCtx, type RequestScope } from "../tenancy/index.ts";
import { ringAnew } from "./buried-bells.ts";
import { Doorbell, type JobAddress } from "./doorbell.ts";
import { isOver } from "./round-bells.ts";
import { runJob } from "./run-job.ts";
import { countVisits, type Visit, visitOf } from "./tally.ts";

/**
 * Work that a doorbell calls a tenant to; or, `from` the platform, work on a tenant's house whose door may
 * be jammed. It may be called too often, too late and twice at once: what is due stands in the database.
 */
export type QueueJob = JobAddress &
  (
    | {
        readonly from?: undefined;
        readonly run: (ctx: TenantCtx, bell: Doorbell) => Promise<void>;
      }
    | {
        readonly from: "platform";
        readonly run: (ctx: PlatformCtx, bell: Doorbell) => Promise<void>;
      }
  );

/** Tenants served at once: one whose database hangs must not hold up the others. */
const AT_ONCE = 4;
/** Pause before a message that could not be served comes again, in seconds. */
const RETRY_SECONDS = 10;

/** What a job fails with whose tenant is here no more. */
const GONE: readonly ProblemCode[] = ["tenant-not-found", "misdirected"];

/** Messages that one run serves. */
interface Ring {
  bell: Doorbell;
  readonly messages: Message[];
}

/**
 * Serves a batch of doorbells: one run per tenant, job, item and chain, however often it was rung. What
 * fails is left to the queue to bring again; a message that nobody can read is dropped and logged. The
 * bell of a round whose next run has begun is shed: work that waits must not grow while a queue is long.
 */
export async function consume(
  jobs: readonly QueueJob[],
  batch: MessageBatch,
  env: Bindings,
): Promise<void> {
  const buried = batch.queue.endsWith("dead-letters");
  const visits: Visit[] = [];
  await inParallel(ringsOf(batch), AT_ONCE, async (ring) => {
    const { bell, messages } = ring;
    const job = jobs.find(({ name }) => name === bell.job);
    if (!job) return drop(messages, "no such job");
    if (isOver(bell, Date.now())) return settle(messages, "ack");
    if (buried && job.queue !== "dead-letters") {
      const rung = await ringAnew({ queue: job.queue, body: bell }, env);
      return settle(messages, rung ? "ack" : "retry");
    }
    const failed =
      job.from === "platform"
        ? await runJob(env, job.name, platformCtx, (ctx) => job.run(ctx, bell))
        : await runJob(
            env,
            job.name,
            (scope) => enterHouse(scope, bell),
            (ctx) => job.run(ctx, bell),
          );
    const remains = failed && !isGone(failed.error) ? failed : null;
    const visit = visitOf(bell, remains);
    if (visit) visits.push(visit);
    settle(messages, remains ? "retry" : "ack");
  });
  // What cannot be counted was done all the same, and is not done again for it.
  if (visits.length > 0) {
    await runJob(env, "rounds.count", platformCtx, (ctx) => countVisits(ctx, visits));
  }
}

/** @throws Failure `tenant-not-found` also where the slug is not this tenant's */
async function enterHouse(scope: RequestScope, bell: Doorbell): Promise<TenantCtx> {
  const ctx = await enterTenant(scope, bell.slug);
  if (ctx.realm.id !== bell.tenant_id) throw new Failure("tenant-not-found");
  return ctx;
}

/** A tenant that has left has nothing due; nor has one here that has moved to another cell. */
function isGone(error: unknown): boolean {
  return error instanceof Failure && GONE.includes(error.code);
}

function settle(messages: readonly Message[], outcome: "ack" | "retry"): void {
  for (const message of messages) {
    if (outcome === "ack") message.ack();
    else message.retry({ delaySeconds: RETRY_SECONDS });
  }
}

function drop(messages: readonly Message[], why: string): void {
  createLogger().error("queue message dropped", { why, ids: messages.map(({ id }) => id) });
  settle(messages, "ack");
}

/** The batch, sorted into rings in the order of their first messages. */
function ringsOf(batch: MessageBatch): Ring[] {
  const rings: Ring[] = [];
  for (const message of batch.messages) {
    const parsed = Doorbell.safeParse(message.body);
    if (!parsed.success) {
      drop([message], "not a doorbell");
      continue;
    }
    const bell = parsed.data;
    const ring = rings.find((each) => isSameWork(each.bell, bell));
    if (!ring) {
      rings.push({ bell, messages: [message] });
      continue;
    }
    ring.messages.push(message);
    if (bell.again) ring.bell = bell;
  }
  return rings;
}

/**
 * Bells of two chains are two runs: only the job can tell which chain is alive, and to drop its bell
 * would break it. A bell of no chain goes with any.
 */
function isSameWork(one: Doorbell, other: Doorbell): boolean {
  return (
    one.job === other.job &&
    one.tenant_id === other.tenant_id &&
    one.slug === other.slug &&
    one.item === other.item &&
    (one.again === other.again || !one.again || !other.again)
  );
}
