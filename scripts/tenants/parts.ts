import { createHash } from "node:crypto";
import { linesOf } from "./lines.ts";

/**
 * Bytes of a part. It decides which lines a part has, so an import that goes on must find it as it
 * was: change it only with care.
 */
const PART_BYTES = 1_000_000;

/** Whole lines of an archive, as they are sent. */
export interface Part {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
}

/** The lines between an archive's header and its manifest, in parts. A long line is one by itself. */
export async function* partsOf(file: string): AsyncGenerator<Part> {
  let lines: string[] = [];
  let size = 0;
  let number = 0;
  const part = (): Part => {
    number += 1;
    const bytes = Buffer.from(lines.join(""));
    [lines, size] = [[], 0];
    return { number, bytes };
  };
  for await (const line of linesOf(file)) {
    if (/^\{"(header|manifest)"/.test(line)) continue;
    const bytes = Buffer.byteLength(line) + 1;
    if (lines.length > 0 && size + bytes > PART_BYTES) yield part();
    lines.push(`${line}\n`);
    size += bytes;
  }
  if (lines.length > 0) yield part();
}

/** RFC 9530. */
export function digestOf(bytes: Buffer): string {
  return `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;
}
