/** Isolates that fail at named points, or end there: nothing that they had begun goes on. */
import type { Bindings } from "../../src/env.ts";
import { type Around, LOST_TEXTS, OVERLOADED_TEXTS, type Trip, wrapD1 } from "./d1.ts";
import type { AroundSend, HeldQueues } from "./held-queues.ts";
import type { Random } from "./random.ts";
import { bindings } from "./worker.ts";

/** What a trip to a database is for. */
export type Place = "accepting batch" | "claim" | "completing batch" | "burial" | "batch" | "read";

/** Probability of a fault at each place. */
export type FaultRates = Readonly<Record<Place | "doorbell" | "dead letter", number>>;

/** No fault anywhere. */
export const FAULTLESS: FaultRates = {
  "accepting batch": 0,
  claim: 0,
  "completing batch": 0,
  burial: 0,
  batch: 0,
  read: 0,
  doorbell: 0,
  "dead letter": 0,
};

/** What befalls a batch, and where. */
const BATCH_FAULTS = [
  "before: connection lost",
  "before: isolate ended",
  "before: overloaded",
  "after: connection lost, outcome unknown",
  "after: isolate ended",
  "late: connection lost, outcome unknown",
] as const;

const SEND_FAULTS = [
  "before: isolate ended",
  "after: isolate ended",
  "refused",
  "lost",
  "doubled",
] as const;

/** Trips of an isolate that fail one after the other, so that a commit gives up: four tries and looks. */
const OUTAGE_TRIPS = 7;

/** What somebody sees of an isolate that has ended. */
class IsolateEnded extends Error {
  override readonly name = "IsolateEnded";
}

/** Firings of each fault. */
export type Firings = Record<string, number>;

export interface IsolateOptions {
  /** Bindings that it has instead of the tests' own. */
  readonly databases: Readonly<Record<string, D1Database>>;
  readonly queues: HeldQueues;
  readonly random: Random;
  readonly rates: FaultRates;
  readonly firings: Firings;
  /** Batches that were told to be lost while they are still on their way. */
  readonly underway: Promise<unknown>[];
}

export interface Isolate {
  readonly env: Bindings;
  readonly random: Random;
  /** Runs something in it. @throws IsolateEnded as soon as the isolate ends */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Ends the isolate here: never returns. */
  end(): Promise<never>;
}

export function fire(firings: Firings, name: string): void {
  firings[name] = (firings[name] ?? 0) + 1;
}

export function openIsolate(options: IsolateOptions): Isolate {
  const { queues, random, rates, firings, underway } = options;
  const { promise: ended, reject } = Promise.withResolvers<never>();
  ended.catch(() => {});
  const forever = new Promise<never>(() => {});
  let alive = true;
  let outage = 0;
  const end = () => {
    alive = false;
    reject(new IsolateEnded());
    return forever;
  };
  const lost = () => new Error(random.pick(LOST_TEXTS));
  const overloaded = () => new Error(random.pick(OVERLOADED_TEXTS));

  async function batch<T>(place: Place, run: () => Promise<T>): Promise<T> {
    const fault = random.pick(BATCH_FAULTS);
    fire(firings, `${place}, ${fault}`);
    // Sometimes the line stays down, so that all tries fail and nobody knows what came of it.
    if (fault.includes("connection lost") && random.chance(0.3)) outage = OUTAGE_TRIPS;
    if (fault === "before: isolate ended") return end();
    if (fault === "before: overloaded") throw overloaded();
    if (fault === "before: connection lost") throw lost();
    if (fault.startsWith("late")) {
      // On its way while the caller already tries again, or has given up.
      underway.push(
        afterOthers(random)
          .then(run, run)
          .catch(() => {}),
      );
      throw lost();
    }
    // What the database itself refuses, it refuses: only success is hidden.
    const result = await run();
    if (fault === "after: isolate ended") return end();
    if (fault.startsWith("after")) throw lost();
    return result;
  }

  const around: Around = async (trip, run) => {
    if (!alive) return forever;
    const place = placeOf(trip);
    if (outage > 0) {
      outage -= 1;
      fire(firings, "any trip, the line stays down");
      throw lost();
    }
    const made = random.chance(rates[place]) ? faulty(place, run) : run();
    // The answer to a trip that was under way reaches nobody.
    return made.then(
      (result) => (alive ? result : forever),
      (error) => (alive ? Promise.reject(error) : forever),
    );
  };

  async function faulty<T>(place: Place, run: () => Promise<T>): Promise<T> {
    if (place !== "read") return batch(place, run);
    const isLost = random.chance(0.5);
    fire(firings, `read, ${isLost ? "connection lost" : "overloaded"}`);
    if (isLost && random.chance(0.5)) outage = 1;
    throw isLost ? lost() : overloaded();
  }

  const aroundSend: AroundSend = async (queue, send) => {
    if (!alive) return forever;
    const what = queue === "dead-letters" ? "dead letter" : "doorbell";
    if (!random.chance(rates[what])) return send();
    const fault = random.pick(SEND_FAULTS);
    fire(firings, `${what}, ${fault}`);
    if (fault === "before: isolate ended") return end();
    if (fault === "refused") throw new Error("Queue sendBatch failed: Too Many Requests");
    if (fault !== "lost") send();
    if (fault === "doubled") send();
    if (fault === "after: isolate ended") return end();
  };

  const databases = Object.entries(options.databases).map(([name, database]) => [
    name,
    wrapD1(database, around),
  ]);
  return {
    env: {
      ...bindings,
      ...Object.fromEntries(databases),
      ...queues.bindings(aroundSend),
    },
    random,
    run: (work) => Promise.race([work(), ended]),
    end,
  };
}

/** By what it changes. */
function placeOf({ kind, sql }: Trip): Place {
  if (kind === "read") return "read";
  const has = (start: string) => sql.some((text) => text.startsWith(start));
  if (has('insert into "webhook_attempts"')) return "claim";
  if (has('update "webhook_attempts"')) return "completing batch";
  if (has('insert into "webhook_payloads"')) return "accepting batch";
  if (has('update "webhook_events" set "buried_at"')) return "burial";
  return "batch";
}

/** Lets what others have under way go first, for some turns of the event loop. */
async function afterOthers(random: Random): Promise<void> {
  for (let turns = Math.floor(random.next() * 20); turns > 0; turns--) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
