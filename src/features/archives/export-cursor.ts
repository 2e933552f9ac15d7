import { Buffer } from "node:buffer";
import { z } from "zod";
import type { PlatformCtx } from "../../platform/context.ts";
import { EnvelopeError, open, seal } from "../../platform/crypto/envelope.ts";
import { Failure } from "../../platform/problems.ts";
import { PLATFORM, type Table } from "../../platform/tenancy/index.ts";
import type { RunSum } from "./archive-lines.ts";

/** A run in few characters, for a cursor is part of an address: number of its table, rows, SHA-256. */
const PackedRun = z.tuple([z.number(), z.number(), z.string()]);
type PackedRun = z.output<typeof PackedRun>;

/** Where an export goes on, and what has to be as it was for that. */
const ExportPlace = z.object({
  /** Who began it: the logs name them, and nobody else. */
  by: z.string(),
  schemaVersion: z.number(),
  log: z.object({ seq: z.number(), sums: z.number() }),
  /** Number of the table, and the place behind which its next run begins. */
  table: z.number(),
  after: z.number().nullable(),
  runs: z.array(PackedRun),
});
export type ExportPlace = z.output<typeof ExportPlace>;

/** The place as a client carries it: whoever was not given it by us cannot make it up. */
export function sealPlace(ctx: PlatformCtx, tenantId: string, place: ExportPlace): Promise<string> {
  return seal(ctx.settings.MASTER_KEY, contextOf(tenantId), JSON.stringify(place));
}

/** @throws Failure `invalid-cursor` for what is none of this tenant's and this caller's */
export async function openPlace(
  ctx: PlatformCtx,
  tenantId: string,
  by: string,
  cursor: string,
): Promise<ExportPlace> {
  try {
    const text = await open(ctx.settings.MASTER_KEY, contextOf(tenantId), cursor);
    const place = ExportPlace.safeParse(JSON.parse(text));
    if (place.success && place.data.by === by) return place.data;
  } catch (cause) {
    if (!(cause instanceof EnvelopeError)) throw cause;
  }
  throw new Failure("invalid-cursor", "It is no `next` that you were given for this tenant.");
}

export function packRun(table: number, { rows, sha256 }: RunSum): PackedRun {
  return [table, rows, Buffer.from(sha256, "hex").toString("base64url")];
}

export function unpackRun([table, rows, sha256]: PackedRun, tables: readonly Table[]): RunSum {
  const { name = "" } = tables[table] ?? {};
  return { table: name, rows, sha256: Buffer.from(sha256, "base64url").toString("hex") };
}

const contextOf = (tenantId: string) => ({
  realm: PLATFORM,
  purpose: "export-cursor",
  row: tenantId,
});
