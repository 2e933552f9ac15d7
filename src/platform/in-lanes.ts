/** How many may run at once. */
export interface Lanes<T> {
  /** Of all together ... */
  readonly total: number;
  /** ... and of those of one lane, so that a slow one does not hold up the others. */
  readonly perLane: number;
  readonly laneOf: (item: T) => string;
  /** Asked before each; once it says no, nothing more begins. */
  readonly mayBegin: () => boolean;
}

/**
 * Runs `work`, which must not fail, for the items in their order, past those whose lane is full.
 * @returns the items that it did not begin with
 */
export async function inLanes<T>(
  items: readonly T[],
  { total, perLane, laneOf, mayBegin }: Lanes<T>,
  work: (item: T) => Promise<void>,
): Promise<T[]> {
  const waiting = [...items];
  const running = new Map<Promise<void>, string>();

  function takeNext(): T | undefined {
    const lanes = [...running.values()];
    const isFree = (item: T) => lanes.filter((lane) => lane === laneOf(item)).length < perLane;
    const at = waiting.findIndex(isFree);
    return at >= 0 && mayBegin() ? waiting.splice(at, 1)[0] : undefined;
  }

  for (;;) {
    while (running.size < total) {
      const item = takeNext();
      if (item === undefined) break;
      const run: Promise<void> = work(item).finally(() => running.delete(run));
      running.set(run, laneOf(item));
    }
    if (running.size === 0) return waiting;
    await Promise.race(running.keys());
  }
}
