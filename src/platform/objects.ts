import type { Bindings } from "../env.ts";
import type { CircuitBreaker } from "./breaker/circuit-breaker.ts";
import { inTime } from "./in-time.ts";
import type { RateLimiter } from "./limits/rate-limiter.ts";
import type { Meter } from "./observe/meter.ts";

/** The classes of Durable Objects, by their binding. */
interface Classes {
  RATE_LIMITER: RateLimiter;
  CIRCUIT_BREAKER: CircuitBreaker;
}
export type ObjectKind = keyof Classes;

/** The Durable Objects, as use cases see them. */
export interface Objects {
  /**
   * Asks the object of this kind and name. Where the platform says that it helps, once more; what is
   * asked must therefore bear being asked twice.
   * @throws when the object does not answer
   */
  ask<K extends ObjectKind, R>(
    kind: K,
    name: string,
    question: (object: Classes[K]) => Promise<R>,
  ): Promise<R>;
  /** @throws when the objects do not answer */
  check(): Promise<void>;
  /** Whether this location's own counter still lets the address through; costs no object a call. */
  lets(address: string): Promise<boolean>;
}

/** How long an object may take, in ms: one that hangs is one that does not answer. */
const OBJECT_MS = 2_000;

/** The Durable Objects of this deployment, for one request or job. */
export function createObjects(env: Bindings, meter: Meter): Objects {
  function askOnce<K extends ObjectKind, R>(
    kind: K,
    name: string,
    question: (object: Classes[K]) => Promise<R>,
  ): Promise<R> {
    meter.objectCalls += 1;
    // A stub that has failed once fails for ever. What goes to and fro is plain data, so that to the
    // caller it is as if the object were here.
    const stub = (env[kind] as DurableObjectNamespace).getByName(name) as unknown as Classes[K];
    const late = () => new Error(`The object ${kind} did not answer within ${OBJECT_MS} ms.`);
    return inTime(question(stub), OBJECT_MS, late);
  }
  const objects: Objects = {
    async ask(kind, name, question) {
      try {
        return await askOnce(kind, name, question);
      } catch (error) {
        if (!isRetryable(error)) throw error;
        return askOnce(kind, name, question);
      }
    },
    async check() {
      await objects.ask("RATE_LIMITER", "health", (limiter) => limiter.lend([]));
    },
    async lets(address) {
      return (await env.ADDRESS_GUARD.limit({ key: address })).success;
    },
  };
  return objects;
}

/** What an overloaded object is asked again at once overloads it more (Cloudflare's own words). */
function isRetryable(error: unknown): boolean {
  const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true;
}
