/** Random choices that can be made again: the seed is printed. */

// Written out on purpose: set it to the number of a red run to repeat that run.
const FIXED_SEED: number | null = null;

export interface Random {
  /** At least 0, less than 1. */
  next(): number;
  /** Whether something of this probability happens. */
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** A generator of its own for the nth of many at once: its choices do not depend on the others'. */
  fork(nth: number): Random;
}

/** A generator (mulberry32) with a fresh seed, which it prints under `name`. */
export function seededRandom(name: string): Random {
  const seed = FIXED_SEED ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  // Not console.info: that belongs to the log scan.
  console.log(`random "${name}": seed ${seed}`);
  return generator(seed);
}

/** Knuth's multiplicative hashing constant: forks of neighbouring numbers start far apart. */
const APART = 0x9e3779b1;

function generator(seed: number): Random {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    chance: (probability) => next() < probability,
    pick: (from) => {
      if (from.length === 0) throw new RangeError("There is nothing to pick from.");
      return from[Math.floor(next() * from.length)] as (typeof from)[number];
    },
    fork: (nth) => generator((seed + Math.imul(nth + 1, APART)) | 0),
  };
}
