import { createLru } from "../lru.ts";

/** Databases whose size an isolate remembers. */
const KEPT = 10_000;

/**
 * Bytes, as D1 told with its last answer here. Whoever adds something was looked up 5 seconds ago at
 * the most, or wrote since, so the figure is never older than that.
 */
const sizes = createLru<number>(KEPT);

/** Takes in how large a realm's database is, in bytes. */
export function noteSize(realmId: string, bytes: number): void {
  sizes.set(realmId, bytes);
}

/** How large a realm's database was, in bytes; undefined where this isolate has not heard of it. */
export function sizeOf(realmId: string): number | undefined {
  return sizes.get(realmId);
}
