/** A provider, the Worker and its queues with faults at named points; and what is there in the end. */
import { vi } from "vitest";
import { EventError, type WebhookHandler } from "../../src/features/webhooks/handling.ts";
import { ROUNDS } from "../../src/platform/jobs/chores.ts";
import { consume, type QueueJob } from "../../src/platform/jobs/consume.ts";
import type { QueueName } from "../../src/platform/jobs/doorbell.ts";
import { roundSchedules } from "../../src/platform/jobs/rounds.ts";
import { runSchedules } from "../../src/platform/jobs/schedules.ts";
import { commit } from "../../src/platform/tenancy/index.ts";
import { HOUR, MINUTE, SECOND } from "./clock.ts";
import { holdQueues } from "./held-queues.ts";
import {
  FAULTLESS,
  type FaultRates,
  type Firings,
  fire,
  type Isolate,
  openIsolate,
} from "./isolates.ts";
import type { Random } from "./random.ts";
import { handleAsUsual, jobsWith } from "./webhook-jobs.ts";
import { openSender, type ProvidersEvent } from "./webhook-sender.ts";
import { databaseOf, firstValue } from "./worker.ts";

/** Probabilities with which every point comes up often enough, and most events come through. */
const RATES: FaultRates = {
  "accepting batch": 0.15,
  claim: 0.5,
  "completing batch": 0.12,
  burial: 0.5,
  batch: 0.4,
  read: 0.02,
  doorbell: 0.2,
  "dead letter": 0.6,
};

/** Events that are sent in a round, at most, and the time that passes until the next. */
const MOST_PER_ROUND = 8;
const LONGEST_ROUND_MS = 15 * SECOND;
/** What befalls handlers, each with this probability. */
const HANDLER_RATE = 0.02;
/** Longer than a lease. */
const LAPSE_MS = 61 * SECOND;
/** Leases that lapse in one round: a delivery must not grow too old on its way meanwhile. */
const LAPSES_PER_ROUND = 2;
/** Rounds until all must be quiet, once nothing fails any more. */
const MOST_ROUNDS = 2_000;

export interface FaultRun {
  /** Binding of the tenant's database. */
  readonly binding: string;
  readonly random: Random;
  readonly events: readonly ProvidersEvent[];
  /** Whose handler always throws. */
  readonly isPoison: (providerId: string) => boolean;
  /** Probability that a request is a batch. */
  readonly batches: number;
  readonly rates?: Partial<FaultRates>;
  /** Commits effects by themselves: what the design forbids, for the test of the test. */
  readonly split?: boolean;
}

/** The clock must be faked: leases and pauses pass without anybody waiting for them. */
export async function runWithFaults(run: FaultRun) {
  const { random } = run;
  const firings: Firings = {};
  const underway: Promise<unknown>[] = [];
  const queues = holdQueues();
  let rates = { ...RATES, ...run.rates };
  let opened = 0;
  let lapses = 0;
  let swept = { minute: Date.now(), "four hours": Date.now() };
  let fair = false;

  const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);
  const isolate = (): Isolate =>
    openIsolate({
      databases: { CONTROL_DB: databaseOf("CONTROL_DB"), [run.binding]: databaseOf(run.binding) },
      queues,
      random: random.fork(opened++),
      rates,
      firings,
      underway,
    });
  const sender = openSender(run.events, { random, isolate, batches: run.batches });

  /** The real jobs, and what befalls their handlers. */
  function jobsIn({ random: luck, end }: Isolate): QueueJob[] {
    const handle: WebhookHandler["handle"] = async (ctx, event) => {
      const { id } = event.payload as { id: string };
      if (run.isPoison(id)) throw new EventError("It is poison.");
      if (!fair && luck.chance(HANDLER_RATE)) {
        fire(firings, "handler, throws");
        throw luck.pick([new EventError("Not now."), new TypeError("x is not a function")]);
      }
      if (!fair && luck.chance(HANDLER_RATE)) {
        fire(firings, "handler, isolate ended");
        return end();
      }
      if (!fair && luck.chance(HANDLER_RATE) && lapses < LAPSES_PER_ROUND) {
        lapses += 1;
        fire(firings, "handler, lease expired");
        pass(LAPSE_MS);
        // Somebody else takes what it has meanwhile, more often than not.
        await sweep("minute");
        // The visit of the round, then the bell that it rings.
        await consumeSome("doorbells");
        await consumeSome("doorbells");
      }
      const effect = await handleAsUsual(ctx, event);
      if (!run.split) return effect;
      const [entry, ...entries] = effect.audit;
      if (entry) await commit(ctx, effect.steps, [entry, ...entries]);
      return { steps: [], audit: [] };
    };
    return jobsWith(handle, luck);
  }

  /** One batch of messages and one consumer. @returns whether there was something to consume */
  async function consumeSome(queue: QueueName): Promise<boolean> {
    // Out of turn: a part of what is ready, and not its beginning.
    const few = !fair && random.chance(0.3);
    const skipped = few ? queues.take(queue, 1 + Math.floor(random.next() * 3)) : [];
    const taken = queues.take(queue);
    if (skipped.length > 0 && taken.length > 0) fire(firings, "messages, reordered");
    if (taken.length + skipped.length === 0) return false;
    const own = isolate();
    const consumer = (batch: MessageBatch) => own.run(() => consume(jobsIn(own), batch, own.env));
    await queues.deliver([...taken, ...skipped], consumer);
    return true;
  }

  /** The same of the first queue that has something. */
  async function consumeAny(): Promise<boolean> {
    for (const queue of ["doorbells", "deliveries", "dead-letters"] as const) {
      if (await consumeSome(queue)) return true;
    }
    return false;
  }

  /** Goes the rounds, as the Cron Trigger does; what else it runs has no part in this. */
  async function sweep(every: "minute" | "four hours"): Promise<void> {
    const own = isolate();
    swept = { ...swept, [every]: Date.now() };
    const { cron } = every === "minute" ? ROUNDS.sweep : ROUNDS.idle;
    await own.run(() => runSchedules(roundSchedules, cron, own.env)).catch(() => {});
  }

  async function byTheClock(): Promise<void> {
    if (Date.now() - swept.minute >= MINUTE) await sweep("minute");
    if (Date.now() - swept["four hours"] >= 4 * HOUR) await sweep("four hours");
  }

  while (!sender.isDone() || (await isPending(run.binding))) {
    lapses = 0;
    await Promise.all([
      sender.burst(1 + Math.floor(random.next() * MOST_PER_ROUND)),
      ...Array.from({ length: Math.floor(random.next() * 4) }, () => consumeSome("doorbells")),
      consumeSome("deliveries"),
      consumeSome("dead-letters"),
    ]);
    // Once all is sent, no delivery can grow too old any more.
    pass(Math.floor(random.next() * (sender.isDone() ? MINUTE : LONGEST_ROUND_MS)));
    await byTheClock();
  }
  // From here on nothing fails.
  await Promise.all(underway);
  fair = true;
  rates = FAULTLESS;
  let rounds = 0;
  while (queues.waiting().length > 0 || (await isPending(run.binding))) {
    rounds += 1;
    if (rounds > MOST_ROUNDS) throw new Error("It never comes to rest.");
    while (await consumeAny());
    pass(MINUTE);
    await byTheClock();
  }
  return { firings, ledger: sender.ledger, answers: sender.answers, isolates: opened, rounds };
}

/** Whether an event waits for a consumer, or a dead letter to be buried. */
async function isPending(binding: string): Promise<boolean> {
  const pending = `SELECT EXISTS (SELECT 1 FROM webhook_events
    WHERE due_at IS NOT NULL OR (status = 'dead_letter' AND buried_at IS NULL))`;
  return (await firstValue<number>(databaseOf(binding), pending)) === 1;
}
