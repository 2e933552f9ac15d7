/** Queues that keep what they are sent: nothing is processed but when the test says so. */
import type { Bindings } from "../../src/env.ts";
import type { Doorbell, QueueName } from "../../src/platform/jobs/doorbell.ts";

/** A message as its producer sent it. */
export interface Sent {
  readonly queue: QueueName;
  readonly body: Doorbell;
  readonly delaySeconds: number;
}

export interface KeptQueues {
  readonly bindings: Pick<Bindings, "DOORBELLS" | "DELIVERIES" | "DEAD_LETTERS">;
  /** What was sent since the last call, in its order. */
  take(): Sent[];
  /** From now on every send fails with this text; null mends it. */
  breakWith(text: string | null): void;
}

export function keptQueues(): KeptQueues {
  let sent: Sent[] = [];
  let broken: string | null = null;
  const keep = (message: Sent) => {
    if (broken !== null) throw new Error(broken);
    sent.push(message);
  };
  const queue = (name: Sent["queue"]) =>
    ({
      send: async (body: Doorbell, options: QueueSendOptions = {}) =>
        keep({ queue: name, body, delaySeconds: options.delaySeconds ?? 0 }),
      sendBatch: async (messages: Iterable<MessageSendRequest<Doorbell>>) => {
        for (const { body, delaySeconds = 0 } of messages) {
          keep({ queue: name, body, delaySeconds });
        }
      },
      metrics: async () => ({}),
    }) as unknown as Queue;
  return {
    bindings: {
      DOORBELLS: queue("doorbells"),
      DELIVERIES: queue("deliveries"),
      DEAD_LETTERS: queue("dead-letters"),
    },
    take: () => {
      const taken = sent;
      sent = [];
      return taken;
    },
    breakWith: (text) => {
      broken = text;
    },
  };
}
