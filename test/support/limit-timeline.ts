/** True time, in ms, that goes from one event to the next without waiting. */
export interface Timeline {
  readonly now: number;
  /** Lets something happen at a time; what is set to the same time happens in the order of setting. */
  at(time: number, act: () => void): void;
  /** Goes on until nothing more is to happen. */
  run(): Promise<void>;
}

/** Turns of the queue of promises after which nothing is left of what an event set going. */
const TURNS = 8;

export function createTimeline(): Timeline {
  // Latest first, so that the next one is taken from the end.
  const events: { time: number; act: () => void }[] = [];
  let now = 0;
  return {
    get now() {
      return now;
    },
    at(time, act) {
      let low = 0;
      let high = events.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((events[middle]?.time ?? 0) > time) low = middle + 1;
        else high = middle;
      }
      events.splice(low, 0, { time, act });
    },
    async run() {
      for (let event = events.pop(); event; event = events.pop()) {
        now = Math.max(now, event.time);
        event.act();
        for (let turn = 0; turn < TURNS; turn++) await null;
      }
    },
  };
}
