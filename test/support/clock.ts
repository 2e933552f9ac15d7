import { afterEach, beforeEach, vi } from "vitest";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

type Faked = NonNullable<NonNullable<Parameters<typeof vi.useFakeTimers>[0]>["toFake"]>;

interface ClockOptions {
  /** How much time passes between tests, in ms: 20 minutes, so that no cache stays fresh. */
  readonly between?: number;
  readonly faked?: Faked;
}

/**
 * Gives every test of the file a clock that stands still until it is told to go on. From test to
 * test it only goes forward, as the caches of the isolate expect of time.
 */
export function standingClock({ between = 20 * MINUTE, faked = ["Date"] }: ClockOptions = {}) {
  let now = Date.now();
  const set = (time: number): void => {
    now = time;
    vi.setSystemTime(now);
  };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: faked });
    // On a full second, which is what tokens count in.
    set(Math.ceil((Math.max(now, Date.now()) + between) / SECOND) * SECOND);
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  // Waiting for a state (`vi.waitFor`) moves a faked clock too.
  return { pass: (ms: number): void => set(Math.max(now, Date.now()) + ms) };
}
