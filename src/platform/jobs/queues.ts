import type { Bindings } from "../../env.ts";
import type { Meter } from "../observe/meter.ts";
import type { Doorbell } from "./doorbell.ts";

/** The queues, as use cases see them. What is promised stands in a database before it is sent. */
export interface Queues {
  /** Rings one bell, `delaySeconds` from now (at most {@link LONGEST_DELAY_SECONDS}). */
  ring(bell: Doorbell, delaySeconds?: number): Promise<void>;
  /** Rings at most {@link MOST_AT_ONCE} bells in one call. */
  ringAll(bells: readonly Doorbell[]): Promise<void>;
  /** @throws when a queue does not answer */
  check(): Promise<void>;
  /** Tells the dead-letter queue of something that failed for good. */
  bury(bell: Doorbell): Promise<void>;
  /** The same of at most {@link MOST_AT_ONCE} things, in one call. */
  buryAll(bells: readonly Doorbell[]): Promise<void>;
}

/** Limits of Cloudflare Queues. */
const LONGEST_DELAY_SECONDS = 86_400;
export const MOST_AT_ONCE = 100;

/** The queues of this deployment, for one request or job. */
export function createQueues(env: Bindings, meter: Meter): Queues {
  return {
    async ring(bell, delaySeconds = 0) {
      meter.queueSends += 1;
      await env.DOORBELLS.send(bell, {
        delaySeconds: Math.min(Math.max(0, Math.ceil(delaySeconds)), LONGEST_DELAY_SECONDS),
      });
    },
    async ringAll(bells) {
      meter.queueSends += 1;
      await env.DOORBELLS.sendBatch(bells.map((body) => ({ body })));
    },
    async check() {
      await Promise.all([env.DOORBELLS.metrics(), env.DEAD_LETTERS.metrics()]);
    },
    async bury(bell) {
      meter.queueSends += 1;
      await env.DEAD_LETTERS.send(bell);
    },
    async buryAll(bells) {
      meter.queueSends += 1;
      await env.DEAD_LETTERS.sendBatch(bells.map((body) => ({ body })));
    },
  };
}
