import type { Bindings } from "../../env.ts";
import type { Meter } from "../observe/meter.ts";
import type { Bell, QueueName } from "./doorbell.ts";

/** The queues, as use cases see them. What is promised stands in a database before it is sent. */
export interface Queues {
  /** Rings one bell, `delaySeconds` from now (at most {@link LONGEST_DELAY_SECONDS}). */
  ring(bell: Bell, delaySeconds?: number): Promise<void>;
  /** Rings at most {@link MOST_AT_ONCE} bells, in one call for each queue that they go through. */
  ringAll(bells: readonly Bell[]): Promise<void>;
  /** @throws when a queue does not answer */
  check(): Promise<void>;
}

/** Limits of Cloudflare Queues. */
const LONGEST_DELAY_SECONDS = 86_400;
export const MOST_AT_ONCE = 100;

/** The binding of a queue. */
export function queueOf(env: Bindings, name: QueueName): Queue {
  return allQueues(env)[name];
}

const allQueues = (env: Bindings): Record<QueueName, Queue> => ({
  doorbells: env.DOORBELLS,
  deliveries: env.DELIVERIES,
  "dead-letters": env.DEAD_LETTERS,
});

/** The queues of this deployment, for one request or job. */
export function createQueues(env: Bindings, meter: Meter): Queues {
  return {
    async ring({ queue, body }, delaySeconds = 0) {
      meter.queueSends += 1;
      await queueOf(env, queue).send(body, {
        delaySeconds: Math.min(Math.max(0, Math.ceil(delaySeconds)), LONGEST_DELAY_SECONDS),
      });
    },
    async ringAll(bells) {
      const sends = [...Map.groupBy(bells, ({ queue }) => queue)].map(async ([queue, rung]) => {
        meter.queueSends += 1;
        await queueOf(env, queue).sendBatch(rung.map(({ body }) => ({ body })));
      });
      await Promise.all(sends);
    },
    async check() {
      await Promise.all(Object.values(allQueues(env)).map((queue) => queue.metrics()));
    },
  };
}
