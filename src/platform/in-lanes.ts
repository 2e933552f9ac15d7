/** How many may run at once. */
export interface Lanes<T> {
  /** Of all together ... */
  readonly total: number;
  /** ... and of those of one lane at most; less where lanes have to share. */
  readonly perLane: number;
  readonly laneOf: (item: T) => string;
  /** Asked before each; once it says no, nothing more begins. */
  readonly mayBegin: () => boolean;
}

/**
 * Runs `work`, which must not fail, for the items. The next one is of the lane of which the fewest
 * run, and have begun; within a lane they keep their order. So a lane whose work is slow has no more
 * than its share, and one whose work is fast goes on besides it.
 * @returns the items that it did not begin with
 */
export async function inLanes<T>(
  items: readonly T[],
  { total, perLane, laneOf, mayBegin }: Lanes<T>,
  work: (item: T) => Promise<void>,
): Promise<T[]> {
  const lanes = [...Map.groupBy(items, laneOf).values()].map((waiting) => ({
    waiting: [...waiting],
    running: 0,
    begun: 0,
  }));
  const running = new Set<Promise<void>>();

  function nextLane() {
    const alive = lanes.filter((lane) => lane.waiting.length + lane.running > 0);
    const share = Math.max(1, Math.min(perLane, Math.floor(total / alive.length)));
    return alive
      .filter((lane) => lane.waiting.length > 0 && lane.running < share)
      .sort((one, other) => one.running - other.running || one.begun - other.begun)[0];
  }

  for (;;) {
    while (running.size < total) {
      const lane = nextLane();
      if (lane === undefined || !mayBegin()) break;
      lane.begun += 1;
      lane.running += 1;
      const run: Promise<void> = work(lane.waiting.shift() as T).finally(() => {
        lane.running -= 1;
        running.delete(run);
      });
      running.add(run);
    }
    if (running.size === 0) return lanes.flatMap(({ waiting }) => waiting);
    await Promise.race(running);
  }
}
