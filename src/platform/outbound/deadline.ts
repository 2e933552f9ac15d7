/** The end of a call, whatever it is doing. */
export interface Deadline {
  /** Aborted when the time is over. */
  readonly signal: AbortSignal;
  /** Time that is left, in ms. */
  leftMs(): number;
  /** To be called when the call has ended before. */
  clear(): void;
}

/** Starts to count `ms` milliseconds. */
export function startDeadline(ms: number, clock: () => number): Deadline {
  const controller = new AbortController();
  const endsAt = clock() + ms;
  const timer = setTimeout(() => controller.abort(), ms);
  return {
    signal: controller.signal,
    leftMs: () => Math.max(0, endsAt - clock()),
    clear: () => clearTimeout(timer),
  };
}

/**
 * Waits for a promise until the signal is aborted, and not a moment longer.
 * @throws the reason of the signal
 */
export function untilAborted<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    awaited.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
