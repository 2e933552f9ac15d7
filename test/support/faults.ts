import { type Around, LOST_TEXTS, OVERLOADED_TEXTS } from "./d1.ts";
import type { Random } from "./random.ts";

/** When a trip is cut off, seen from the database. */
export type FaultPoint = "batch before" | "batch late" | "batch after" | "batch refused" | "read";

const POINTS = [
  "batch before",
  "batch late",
  "batch after",
  "batch after",
  "batch refused",
] as const;

export interface FaultRates {
  /** Probability that a batch is cut off. */
  readonly batch: number;
  /** Probability that a read is. */
  readonly read: number;
}

/** A line that loses connections, and remembers which. */
export function faultyLine(random: Random, rates: FaultRates) {
  const fired: Record<FaultPoint, number> = {
    "batch before": 0,
    "batch late": 0,
    "batch after": 0,
    "batch refused": 0,
    read: 0,
  };
  const texts: Record<string, number> = {};
  const underway: Promise<unknown>[] = [];
  const fail = (point: FaultPoint, from: readonly string[]): never => {
    const text = random.pick(from);
    fired[point] += 1;
    texts[text] = (texts[text] ?? 0) + 1;
    throw new Error(text);
  };
  const around: Around = async (trip, run) => {
    if (trip.kind === "read") {
      if (random.chance(rates.read)) fail("read", LOST_TEXTS);
      return run();
    }
    if (!random.chance(rates.batch)) return run();
    const point = random.pick(POINTS);
    if (point === "batch refused") fail(point, OVERLOADED_TEXTS);
    if (point === "batch before") fail(point, LOST_TEXTS);
    if (point === "batch late") {
      // The caller hears of the loss while the batch is still on its way.
      underway.push(run().catch(() => {}));
      fail(point, LOST_TEXTS);
    }
    // What the database itself refuses, it refuses: only success is hidden.
    await run();
    return fail("batch after", LOST_TEXTS);
  };
  return {
    around,
    fired,
    texts,
    /** Batches that were cut off so far. */
    batches: () => Object.values(fired).reduce((sum, count) => sum + count) - fired.read,
    /** Ends when every batch that is late has arrived. */
    settled: () => Promise.all(underway),
  };
}
