import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { finished } from "node:stream/promises";
import type { OperatorsApi } from "../lib/operators-api.ts";
import { type Check, checkArchive, nextIn } from "./archive.ts";
import { command, UsageError } from "./command.ts";
import { linesIn } from "./lines.ts";
import { findTenant } from "./tenant.ts";
import type { Output } from "./terminal.ts";

export const exportTenant = command({
  usage: "export SLUG --reason TEXT [--out FILE] [--pages N]",
  summary: "All data of a tenant that stands still, into SLUG.ndjson; the reason stands in its log",
  words: ["SLUG"],
  options: { reason: { type: "string" }, out: { type: "string" }, pages: { type: "string" } },
  async run({ words, flags, output, api }) {
    if (!flags.reason) throw new UsageError("It needs --reason.");
    const { id, slug } = await findTenant(api(), words.SLUG);
    const file = flags.out ?? `${slug}.ndjson`;
    if (existsSync(file)) throw new Error(`There is a ${file} already; nothing was changed.`);
    const { reason, pages } = flags;
    const { rows, manifest } = await download(api(), { id, reason, file, pages }, output);
    const tables = manifest?.tables.length ?? 0;
    output.show({ file, rows, tables }, `${file}: ${rows} rows of ${tables} tables, verified.`);
    return 0;
  },
});

/**
 * Takes out a tenant's data, in as many requests as it takes. The file has its name once it is whole and verified, line by line; until
 * then it is `FILE.partial`, which the next try overwrites.
 *
 * @throws BadArchive, ApiProblem
 */
export async function download(
  api: OperatorsApi,
  wanted: {
    readonly id: string;
    readonly reason: string;
    readonly file: string;
    /** Pages of rows that a request reads; as many as it may, if left out. */
    readonly pages?: string | undefined;
  },
  output: Output,
): Promise<Check> {
  const { id, reason, file, pages } = wanted;
  const query = new URLSearchParams({ reason, ...(pages ? { pages } : {}) });
  const ask = () => api.open({ path: `/tenants/${id}/export?${query}` });
  let archive = await ask();
  const partial = `${file}.partial`;
  // It holds a tenant's data: its owner alone may read it.
  const written = createWriteStream(partial, { mode: 0o600 });
  const check = checkArchive();
  const progress = output.progress("Rows");
  try {
    for (let next: string | undefined = ""; next !== undefined; ) {
      if (next) {
        query.set("after", next);
        archive = await ask();
      }
      next = undefined;
      for await (const line of linesIn(archive)) {
        next = nextIn(line);
        if (next) break;
        check.take(line);
        progress.to(check.rows);
        if (!written.write(`${line}\n`)) await once(written, "drain");
      }
    }
    check.end();
  } finally {
    progress.end();
    archive.destroy();
    written.end();
    await finished(written);
  }
  await rename(partial, file);
  return check;
}
