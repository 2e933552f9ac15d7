import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import type { Bindings } from "../../src/env.ts";
import { consume, type QueueJob } from "../../src/platform/jobs/consume.ts";
import { queueJobs } from "../../src/registry.ts";
import type { Sent } from "./kept-queues.ts";
import { bindings } from "./worker.ts";

/** What became of the messages of a batch, by their places in it. */
export interface Settled {
  readonly acked: readonly number[];
  /** Place and pause in seconds. */
  readonly retried: readonly (readonly [number, number | undefined])[];
}

/** Brings a batch to its consumer, as the platform does. */
export async function bring(
  queue: Sent["queue"],
  bodies: readonly unknown[],
  { env = bindings, jobs = queueJobs }: { env?: Bindings; jobs?: readonly QueueJob[] } = {},
): Promise<Settled> {
  const messages = bodies.map((body, at) => ({
    id: String(at),
    timestamp: new Date(),
    attempts: 1,
    body,
  }));
  const batch = createMessageBatch(`rowhouse-${queue}`, messages);
  // The result tells which messages come again, and forgets when.
  const pauses = new Map<string, number | undefined>();
  for (const message of batch.messages) {
    const retry = message.retry.bind(message);
    message.retry = (options) => {
      pauses.set(message.id, options?.delaySeconds);
      retry(options);
    };
  }
  await consume(jobs, batch, env);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, createExecutionContext());
  return {
    acked: explicitAcks.map(Number).sort((a, b) => a - b),
    retried: retryMessages
      .map(({ msgId }) => [Number(msgId), pauses.get(msgId)] as const)
      .sort(([a], [b]) => a - b),
  };
}
