import { createLru } from "../../platform/lru.ts";

/** A bounded map whose entries count for a while only, and are gone soon after it. */
export interface Expiring<V> {
  /** The value under `key` while it is fresh. */
  get(key: string): V | undefined;
  /** Keeps `value`, which was true at `readAt` (in ms). */
  set(key: string, value: V, readAt: number): void;
  /** Forgets one entry. */
  delete(key: string): void;
  readonly size: number;
}

/**
 * Makes an empty map of at most `limit` entries that are fresh for `freshMs`. What is stale goes when
 * it is met, and all of it when something is set, which is looked after once in `freshMs`.
 */
export function createExpiring<V>(limit: number, freshMs: number): Expiring<V> {
  const entries = createLru<{ readonly value: V; readonly until: number }>(limit);
  let nextSweep = 0;

  function get(key: string): V | undefined {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (Date.now() < entry.until) return entry.value;
    entries.delete(key);
    return undefined;
  }

  function sweep(): void {
    if (Date.now() < nextSweep) return;
    nextSweep = Date.now() + freshMs;
    // Each becomes the most recent in its turn, which leaves them in order.
    for (const key of entries.keys()) get(key);
  }

  return {
    get,
    set(key, value, readAt) {
      sweep();
      entries.set(key, { value, until: readAt + freshMs });
    },
    delete: (key) => entries.delete(key),
    get size() {
      return entries.size;
    },
  };
}
