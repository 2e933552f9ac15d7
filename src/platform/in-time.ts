/**
 * Waits for a promise, but no longer than `ms` milliseconds: a database in trouble often does not
 * fail, but hang. What was asked for goes on; its outcome is then nobody's.
 * @param late what to fail with when the time is over
 */
export async function inTime<T>(asked: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([asked, over]);
  } finally {
    clearTimeout(timer);
  }
}
