import { createReadStream } from "node:fs";

const NEWLINE = 0x0a;

/**
 * The lines of an archive, one at a time, without their newlines. Only a newline ends one: texts may
 * hold what others take for an end too (U+2028), and each byte counts for the checksums.
 */
export async function* linesIn(bytes: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let begun: Buffer[] = [];
  for await (const chunk of bytes) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...begun, chunk.subarray(from, to)]).toString();
      begun = [];
      from = to + 1;
    }
    if (from < chunk.length) begun.push(chunk.subarray(from));
  }
  if (begun.length > 0) yield Buffer.concat(begun).toString();
}

/** The lines of a file. */
export function linesOf(file: string): AsyncGenerator<string, void> {
  return linesIn(createReadStream(file));
}
