/** How the pauses between attempts grow, in ms. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * The pause before the next attempt in ms: exponential with full jitter, so that what failed
 * together does not come back together (AWS Architecture Blog, "Exponential Backoff and Jitter").
 * @param attempt number of the attempt that failed, from 1
 * @param random a number from 0 up to 1
 */
export function pauseMs(attempt: number, { baseMs, capMs }: Backoff, random: number): number {
  const longest = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(random * longest);
}
