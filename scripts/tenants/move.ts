import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { checkArchive } from "./archive.ts";
import { command, UsageError } from "./command.ts";
import { download } from "./export.ts";
import { type Import, upload } from "./import.ts";
import { linesOf } from "./parts.ts";
import { findTenant } from "./tenant.ts";

export const move = command({
  usage: "move SLUG --reason TEXT [--region eu|us] [--file FILE]",
  summary:
    "A tenant to a fresh database, in the cell with room; its door answers 503 meanwhile. Cut off, it goes on when it is asked again",
  words: ["SLUG"],
  options: {
    reason: { type: "string" },
    region: { type: "string" },
    file: { type: "string" },
  },
  async run({ words, flags, output, api }) {
    const { reason, region } = flags;
    if (!reason) throw new UsageError("It needs --reason.");
    const { id, slug } = await findTenant(api(), words.SLUG);
    const file = flags.file ?? `${slug}.move.ndjson`;
    const begun = await api().call<Import>({
      method: "POST",
      path: "/tenants/imports",
      body: { tenant_id: id, ...(region === undefined ? {} : { region }) },
    });
    // Parts that were taken in came from this very file: an archive made anew would differ.
    if (!existsSync(file)) {
      if (begun.parts > 0)
        throw new Error(`${file} is missing, of which ${begun.parts} parts were sent.`);
      await download(api(), { id, reason, file }, output);
    }
    const check = checkArchive();
    for await (const line of linesOf(file)) check.take(line);
    check.end();
    if (check.header?.tenant.id !== id) throw new Error(`${file} is another tenant's.`);
    const done = await upload(api(), { file, begun, check }, output);
    await rm(file);
    output.show(done, `${slug} lives in cell ${done.cell} now: ${done.rows} rows.`);
    return 0;
  },
});
