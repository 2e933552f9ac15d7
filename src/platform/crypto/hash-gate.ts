/**
 * Lets password hashes through one at a time. A hash holds the isolate for about 200 ms, whatever
 * the API that computes it promises; twenty at once would stop every other request for seconds.
 *
 * How waiting works, and why. The usual queue keeps a promise for each waiter and resolves it when
 * its turn comes. Across requests that fails in workerd, in two ways (both seen):
 * - A request that awaits nothing of its own, no timer and no fetch, is taken for hung and answered
 *   with 500 at once. workerd does resume a promise in the request that awaits it
 *   (`handle_cross_request_promise_resolution`, on since 2024-10-14), but that request must still
 *   be there.
 * - A request that is cancelled runs no `finally`. Had it been called already, nobody after it would
 *   be called ever again.
 * So requests share nothing here but plain data. Each waiter looks at it on a timer of its own, in
 * its own request, and the place of one that has stopped looking is given away.
 */

/** As many as may wait are waiting. Answer 503 with Retry-After. */
export class HashGateFull extends Error {
  override readonly name = "HashGateFull";
}

export interface HashGate {
  /**
   * Runs `work` when all that came before are done, and gives its outcome. Rejects with HashGateFull
   * without running it when too many wait already. Work must not enter the same gate again.
   */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** The passing of time, which tests replace. */
export interface GateClock {
  /** Milliseconds; in a Worker they stand still between two I/O events. */
  now(): number;
  /** Ends after about `ms` milliseconds, other requests having had the isolate in between. */
  pause(ms: number): Promise<void>;
}

const LOOK_EVERY_MS = 5;
// A waiter who is alive looks at least once between two hashes. Ten times that, and it has gone.
const GONE_AFTER_MS = 2_000;

const systemClock: GateClock = {
  now: () => Date.now(),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

interface Place {
  /** When its owner last looked, or began its work; milliseconds. */
  seenAt: number;
}

/** Makes a gate behind which at most `maxWaiting` (0 or more) wait while one is at work. */
export function createHashGate(maxWaiting: number, clock: GateClock = systemClock): HashGate {
  let waiting: Place[] = [];
  let working: Place | null = null;

  function dropTheGone(now: number): void {
    const present = (place: Place) => now - place.seenAt < GONE_AFTER_MS;
    waiting = waiting.filter(present);
    if (working !== null && !present(working)) working = null;
  }

  async function waitFor(place: Place): Promise<void> {
    waiting.push(place);
    for (;;) {
      await clock.pause(LOOK_EVERY_MS);
      place.seenAt = clock.now();
      // Taken for gone, because something else held the isolate for long: at the end again.
      if (!waiting.includes(place)) waiting.push(place);
      dropTheGone(place.seenAt);
      if (working === null && waiting[0] === place) break;
    }
    waiting.shift();
    // Before any await, or one who arrives in between would find the gate open.
    working = place;
    // All that fell due during the last hash is run in one go, the timer that let us in included;
    // only a timer that is not due yet makes the loop take in new requests (seen in workerd).
    await clock.pause(LOOK_EVERY_MS);
    place.seenAt = clock.now();
  }

  return {
    async run(work) {
      const place = { seenAt: clock.now() };
      dropTheGone(place.seenAt);
      if (working !== null || waiting.length > 0) {
        if (waiting.length >= maxWaiting) throw new HashGateFull("too many password hashes wait");
        await waitFor(place);
      } else {
        working = place;
      }
      try {
        return await work();
      } finally {
        // Someone else may be at work by now, had this one taken too long.
        if (working === place) working = null;
      }
    },
  };
}
