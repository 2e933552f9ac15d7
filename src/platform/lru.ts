/** A bounded map that forgets what was used longest ago. */
export interface Lru<V> {
  /** The value kept under `key`, which becomes the most recently used; undefined when none is. */
  get(key: string): V | undefined;
  /** Keeps `value`, and drops the least recently used entry when there are too many. */
  set(key: string, value: V): void;
  /** A snapshot of the keys. */
  keys(): string[];
  /** Forgets one entry. */
  delete(key: string): void;
  readonly size: number;
}

/** Makes an empty map of at most `limit` entries (1 or more). */
export function createLru<V>(limit: number): Lru<V> {
  // A Map iterates in the order of insertion: its first key is the one that was idle longest.
  const entries = new Map<string, V>();
  return {
    get(key) {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      for (const oldest of entries.keys()) {
        if (entries.size <= limit) break;
        entries.delete(oldest);
      }
    },
    keys: () => [...entries.keys()],
    delete(key) {
      entries.delete(key);
    },
    get size() {
      return entries.size;
    },
  };
}
