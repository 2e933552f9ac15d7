/** Property tests whose seed is printed, so that a red run can be repeated. */
import fc from "fast-check";

const RUNS = 100;
// Written out on purpose: set it to the number of a red run to repeat that run.
const FIXED_SEED: number | null = null;

/** Checks an asynchronous property; on failure fast-check names the smallest counterexample. */
export async function holds<T extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...args: T) => Promise<void> | void,
  runs = RUNS,
): Promise<void> {
  const seed = FIXED_SEED ?? crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
  // Not console.info: in the Worker tests that belongs to the log scan.
  console.log(`property "${name}": seed ${seed}`);
  const property = fc.asyncProperty<T>(...arbitraries, async (...args: T) => check(...args));
  await fc.assert(property, { seed, numRuns: runs });
}
