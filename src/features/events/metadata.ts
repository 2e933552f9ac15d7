/** What is wrong with somebody's metadata, and where. */
export interface MetadataFault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Levels of objects and lists, the metadata itself being the first. */
export const DEEPEST = 8;
/** UTF-8 bytes of its JSON. */
export const MOST_BYTES = 16_384;

/**
 * The first thing that keeps an object, as it was parsed from JSON, from being stored. Numbers beyond
 * a double's reach (1e999) are Infinity by then, which JSON cannot say again.
 */
export function metadataFault(metadata: object): MetadataFault | null {
  const fault = faultIn(metadata, [], 1);
  if (fault) return fault;
  const bytes = new TextEncoder().encode(JSON.stringify(metadata)).byteLength;
  return bytes > MOST_BYTES
    ? { path: [], message: `must have at most ${MOST_BYTES} bytes as JSON` }
    : null;
}

function faultIn(value: unknown, path: readonly string[], level: number): MetadataFault | null {
  if (typeof value === "number") {
    return Number.isFinite(value) ? null : { path, message: "must be a finite number" };
  }
  if (typeof value !== "object" || value === null) return null;
  // Told before it is gone into: somebody may nest until every recursion breaks.
  if (level > DEEPEST) return { path, message: `must not be nested over ${DEEPEST} levels` };
  for (const [name, each] of Object.entries(value)) {
    const place = [...path, name];
    if (name === "__proto__") return { path: place, message: "must have another name" };
    const fault = faultIn(each, place, level + 1);
    if (fault) return fault;
  }
  return null;
}
