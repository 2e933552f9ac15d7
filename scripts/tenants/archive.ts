import { createHash, type Hash } from "node:crypto";

/** What an archive begins with; the server knows the rest of it (docs/archives.md). */
export interface Header {
  readonly tenant: { readonly id: string; readonly slug: string };
}

interface Sum {
  readonly table: string;
  readonly rows: number;
  readonly sha256: string;
}

/** What an archive ends with. */
export interface Manifest {
  readonly tables: readonly Sum[];
}

type Line =
  | { readonly header: Header }
  | { readonly table: string; readonly row: readonly unknown[] }
  | Sum
  | { readonly manifest: Manifest }
  | { readonly next: string }
  | { readonly error: { readonly detail: string; readonly request_id?: string } };

/** An archive that is not whole, in a person's words. */
export class BadArchive extends Error {
  override name = "BadArchive";
}

/** Follows an archive from its first line to its last. */
export interface Check {
  /** Rows seen so far. */
  readonly rows: number;
  readonly header: Header | undefined;
  readonly manifest: Manifest | undefined;
  /** @throws BadArchive when the line cannot stand there, or a table is not what its sum says */
  take(line: string): void;
  /** @throws BadArchive when the manifest is missing, or names other tables than there were */
  end(): Manifest;
}

/** Counts and sums up an archive line by line, as its manifest must. */
export function checkArchive(): Check {
  const sums: Sum[] = [];
  let at = 0;
  let rows = 0;
  let header: Header | undefined;
  let manifest: Manifest | undefined;
  let open: { table: string; rows: number; hash: Hash } | undefined;

  const opened = (table: string) => {
    if (open && open.table !== table) throw new BadArchive(`Line ${at}: ${open.table} has no end.`);
    open ??= { table, rows: 0, hash: createHash("sha256") };
    return open;
  };
  const close = (told: Sum) => {
    const found = opened(told.table);
    open = undefined;
    if (found.rows !== told.rows) {
      throw new BadArchive(`${told.table} has ${found.rows} rows of ${told.rows}.`);
    }
    if (found.hash.digest("hex") !== told.sha256) {
      throw new BadArchive(`${told.table} has rows that are not those of its checksum.`);
    }
    sums.push(told);
  };

  return {
    get rows() {
      return rows;
    },
    get header() {
      return header;
    },
    get manifest() {
      return manifest;
    },
    take(text) {
      at += 1;
      const line = parsed(text, at);
      if ("error" in line) throw new BadArchive(brokenOff(line.error));
      if ("next" in line) throw new BadArchive("The archive was cut off: it goes on elsewhere.");
      if (manifest) throw new BadArchive(`Line ${at} comes after the manifest.`);
      if ((at === 1) !== "header" in line) throw new BadArchive("An archive begins with a header.");
      if ("header" in line) header = line.header;
      else if ("manifest" in line) manifest = line.manifest;
      else if ("row" in line) {
        const table = opened(line.table);
        table.rows += 1;
        table.hash.update(`${text}\n`);
        rows += 1;
      } else if ("sha256" in line) close(line);
      else throw new BadArchive(`Line ${at} is none of an archive.`);
    },
    end() {
      if (!manifest) throw new BadArchive("The archive was cut off: it has no manifest.");
      if (JSON.stringify(manifest.tables) !== JSON.stringify(sums)) {
        throw new BadArchive("The manifest names other tables than the archive holds.");
      }
      return manifest;
    },
  };
}

/** What a large export goes on with, if this is the line that says so. It is no part of the archive. */
export function nextIn(line: string): string | undefined {
  return line.startsWith('{"next"') ? (JSON.parse(line) as { next: string }).next : undefined;
}

function parsed(text: string, at: number): Line {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Line;
  } catch {
    // Said below.
  }
  throw new BadArchive(`Line ${at} is not valid JSON.`);
}

function brokenOff({ detail, request_id }: { detail: string; request_id?: string }): string {
  return `The archive was broken off: ${detail}${request_id ? `\n  request ${request_id}` : ""}`;
}
