import { type Bindings, settingsOf } from "../env.ts";
import type { CircuitBreaker } from "./breaker/circuit-breaker.ts";
import { inTime } from "./in-time.ts";
import { guardLets } from "./limits/address-guard.ts";
import type { RateLimiter } from "./limits/rate-limiter.ts";
import type { Meter } from "./observe/meter.ts";
import { createSilence } from "./silence.ts";
import type { LiveStream } from "./stream/live-stream.ts";

/** The classes of Durable Objects, by their binding. */
interface Classes {
  RATE_LIMITER: RateLimiter;
  CIRCUIT_BREAKER: CircuitBreaker;
  SIGNAL_STREAM: LiveStream;
}
export type ObjectKind = keyof Classes;

/** The Durable Objects, as use cases see them. */
export interface Objects {
  /**
   * Asks the object of this kind and name. Where the platform says that it helps, once more; what is
   * asked must therefore bear being asked twice. While the object does not answer, few ask it, and all
   * others hear so at once.
   * @throws when the object does not answer
   */
  ask<K extends ObjectKind, R>(
    kind: K,
    name: string,
    question: (object: Classes[K]) => Promise<R>,
  ): Promise<R>;
  /**
   * Sends the object a request that opens a WebSocket. Once only: what opens it may work once.
   * @throws when the object does not answer
   */
  connect(kind: ObjectKind, name: string, request: Request): Promise<Response>;
  /** @throws when the objects do not answer */
  check(): Promise<void>;
  /**
   * Whether this location's own counter still lets the address through; costs no object a call.
   * @throws when the counter does not answer
   */
  lets(address: string): Promise<boolean>;
}

/** How long an object may take, in ms: one that hangs is one that does not answer. */
const OBJECT_MS = 2_000;

/** Which objects this isolate has heard nothing of lately. */
const silence = createSilence(OBJECT_MS);

/** The Durable Objects of this deployment, for one request or job. */
export function createObjects(env: Bindings, meter: Meter): Objects {
  function askOnce<K extends ObjectKind, R>(
    kind: K,
    name: string,
    question: (object: Classes[K]) => Promise<R>,
  ): Promise<R> {
    // What goes to and fro is plain data, so that to the caller it is as if the object were here.
    return reach(kind, name, (stub) => question(stub as unknown as Classes[K]));
  }
  function reach<R>(
    kind: ObjectKind,
    name: string,
    talk: (stub: DurableObjectStub) => Promise<R>,
  ): Promise<R> {
    meter.objectCalls += 1;
    // A stub that has failed once fails for ever.
    const stub = namespaceOf(env, kind).getByName(name);
    const late = () => new Error(`The object ${kind} did not answer within ${OBJECT_MS} ms.`);
    return inTime(talk(stub), OBJECT_MS, late);
  }
  const askTwice: Objects["ask"] = async (kind, name, question) => {
    try {
      return await askOnce(kind, name, question);
    } catch (error) {
      if (!isRetryable(error)) throw error;
      return askOnce(kind, name, question);
    }
  };
  async function unlessSilent<R>(kind: ObjectKind, name: string, talk: () => Promise<R>) {
    const object = `${kind} ${name}`;
    const askedAt = Date.now();
    if (!silence.mayAsk(object, askedAt)) {
      throw new Error(`The object ${kind} has not answered lately.`);
    }
    try {
      const answer = await talk();
      silence.heard(object, Date.now());
      return answer;
    } catch (error) {
      silence.notHeard(object, askedAt, Date.now());
      throw error;
    }
  }
  const objects: Objects = {
    ask: (kind, name, question) => unlessSilent(kind, name, () => askTwice(kind, name, question)),
    connect: (kind, name, request) =>
      unlessSilent(kind, name, () => reach(kind, name, (stub) => stub.fetch(request))),
    async check() {
      // Whatever was heard of late: that it answers now is the question.
      await askTwice("RATE_LIMITER", "health", (limiter) => limiter.lend([]));
    },
    lets: (address) => guardLets(env.ADDRESS_GUARD, address),
  };
  return objects;
}

/**
 * The objects of this kind, in the cell's jurisdiction. Where that changes, all begin anew as others.
 * Cloudflare alone keeps jurisdictions: the local runtime refuses to hear of any.
 */
function namespaceOf(env: Bindings, kind: ObjectKind): DurableObjectNamespace {
  const all = env[kind] as DurableObjectNamespace;
  const { ENVIRONMENT, REGION } = settingsOf(env);
  return REGION && ENVIRONMENT === "production" ? all.jurisdiction(REGION) : all;
}

/** What an overloaded object is asked again at once overloads it more (Cloudflare's own words). */
function isRetryable(error: unknown): boolean {
  const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true;
}
