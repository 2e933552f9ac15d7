/** Longest pause before the first retry in milliseconds; it doubles with each. */
const PAUSE_MS = 50;

/**
 * Waits before a database is tried again after a lost connection: a random time, so that callers
 * who lost it together do not come back together.
 * @param attempt how many tries were made before the one that failed
 */
export async function retryPause(attempt: number): Promise<void> {
  await scheduler.wait(Math.random() * PAUSE_MS * 2 ** attempt);
}
