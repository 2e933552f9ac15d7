/** Queues whose messages a test holds: it says what is delivered when, twice, out of turn or never. */
import type { Bindings } from "../../src/env.ts";
import type { QueueName } from "../../src/platform/jobs/doorbell.ts";

/** A message on its way. */
export interface Held {
  readonly queue: QueueName;
  readonly body: unknown;
  /** Not before this time, in ms since the epoch. */
  readonly readyAt: number;
  /** How often it was delivered in vain. */
  readonly failures: number;
}

/** Each queue's consumer, as `wrangler.toml` says; a test compares them. */
export const CONSUMERS: Readonly<
  Record<QueueName, { batchSize: number; maxRetries: number; concurrency: number }>
> = {
  doorbells: { batchSize: 10, maxRetries: 5, concurrency: 5 },
  deliveries: { batchSize: 10, maxRetries: 5, concurrency: 5 },
  "dead-letters": { batchSize: 25, maxRetries: 100, concurrency: 1 },
};

type QueueBindings = Pick<Bindings, "DOORBELLS" | "DELIVERIES" | "DEAD_LETTERS">;

/** Stands between a sender and the queue: it may send once, twice, never, or throw. */
export type AroundSend = (queue: QueueName, send: () => void) => void | Promise<void>;

export function holdQueues() {
  let held: Held[] = [];

  /** Bindings for one isolate, with `around` at every call. */
  function bindings(around: AroundSend = (_, send) => send()): QueueBindings {
    const bindingOf = (queue: QueueName) => ({
      send: (body: unknown, options: { delaySeconds?: number } = {}) =>
        around(queue, () => hold(queue, body, options.delaySeconds)),
      sendBatch: (messages: Iterable<{ readonly body: unknown }>) =>
        around(queue, () => {
          for (const { body } of messages) hold(queue, body);
        }),
      metrics: async () => ({ backlogCount: held.length, backlogBytes: 0 }),
    });
    return {
      DOORBELLS: bindingOf("doorbells"),
      DELIVERIES: bindingOf("deliveries"),
      DEAD_LETTERS: bindingOf("dead-letters"),
    } as unknown as QueueBindings;
  }

  function hold(queue: QueueName, body: unknown, delaySeconds = 0, failures = 0): void {
    const readyAt = Date.now() + delaySeconds * 1_000;
    held.push({ queue, body: structuredClone(body), readyAt, failures });
  }

  /** What the queue would deliver now: the first that are ready, in the order of their sending. */
  function take(queue: QueueName, most = CONSUMERS[queue].batchSize): Held[] {
    const now = Date.now();
    const taken = new Set(
      held.filter((each) => each.queue === queue && each.readyAt <= now).slice(0, most),
    );
    held = held.filter((each) => !taken.has(each));
    return [...taken];
  }

  /**
   * Hands messages to a consumer as the platform does: what was acknowledged is gone, what is to be
   * retried comes again, and so does the rest when the consumer failed or ended. What failed too
   * often goes to the dead-letter queue.
   */
  async function deliver(
    taken: readonly Held[],
    consumer: (batch: MessageBatch) => Promise<unknown>,
  ): Promise<void> {
    const [first] = taken;
    if (!first) return;
    const outcomes = new Map<Held, number | "acked">();
    const messages = taken.map((message, index) => ({
      id: String(index),
      timestamp: new Date(message.readyAt),
      body: message.body,
      attempts: message.failures + 1,
      ack: () => void outcomes.set(message, "acked"),
      retry: ({ delaySeconds = 0 } = {}) => void outcomes.set(message, delaySeconds),
    }));
    const batch = { queue: `rowhouse-${first.queue}`, messages } as unknown as MessageBatch;
    const done = await consumer(batch).then(
      () => true,
      () => false,
    );
    for (const message of taken) {
      const outcome = outcomes.get(message) ?? (done ? "acked" : 0);
      if (outcome !== "acked") comeAgain(message, outcome);
    }
  }

  function comeAgain({ queue, body, failures }: Held, delaySeconds: number): void {
    if (failures < CONSUMERS[queue].maxRetries) hold(queue, body, delaySeconds, failures + 1);
    else if (queue !== "dead-letters") hold("dead-letters", body);
    else throw new Error("A dead letter was delivered a hundred times in vain.");
  }

  return {
    bindings,
    take,
    deliver,
    /** Messages that nobody has taken, delayed ones too. */
    waiting: (): readonly Held[] => held,
  };
}

export type HeldQueues = ReturnType<typeof holdQueues>;
