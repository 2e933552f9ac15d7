import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { OperatorsApi } from "../lib/operators-api.ts";
import { type Check, checkArchive } from "./archive.ts";
import { command, UsageError } from "./command.ts";
import { download } from "./export.ts";
import { upload } from "./import.ts";
import { linesOf } from "./lines.ts";
import { abandonOpen, type Import, openImport, whileOpen } from "./open-import.ts";
import { findTenant, type Tenant } from "./tenant.ts";
import type { Output } from "./terminal.ts";

export const move = command({
  usage: "move SLUG --reason TEXT [--region eu|us] [--file FILE] | move SLUG --abandon",
  summary:
    "A tenant to a fresh database, in the cell with room; its door answers 503 meanwhile. Cut off, it goes on when it is asked again; --abandon lets the tenant stay where it is",
  words: ["SLUG"],
  options: {
    reason: { type: "string" },
    region: { type: "string" },
    file: { type: "string" },
    abandon: { type: "boolean" },
  },
  async run({ words, flags, output, api }) {
    const { reason, region } = flags;
    if (flags.abandon) return stay(api(), words.SLUG, output);
    if (!reason) throw new UsageError("It needs --reason.");
    const tenant = await findTenant(api(), words.SLUG);
    const { id, slug } = tenant;
    const file = flags.file ?? fileOf(tenant);
    const before = await openImport(api(), id);
    if (before?.kind === "new") {
      throw new Error(`${slug} is coming in from an archive: \`import FILE --resume\` goes on.`);
    }
    if (!before && existsSync(file)) {
      throw new Error(`There is a ${file} already, of no move that is open; nothing was changed.`);
    }
    const begun = await api().call<Import>({
      method: "POST",
      path: "/tenants/imports",
      body: { tenant_id: id, ...(region === undefined ? {} : { region }) },
    });
    const ways = `the same command goes on, \`move ${slug} --abandon\` gives it up.`;
    const forget = () => rm(file, { force: true });
    const done = await whileOpen(api(), { begun, isOwn: !before, ways, forget }, async () => {
      // Parts that were taken in came from this very file: an archive made anew would differ.
      if (!existsSync(file)) {
        if (begun.parts > 0)
          throw new Error(`${file} is missing, of which ${begun.parts} parts were sent.`);
        await download(api(), { id, reason, file }, output);
      }
      return upload(api(), { file, begun, check: await checked(file, id) }, output);
    });
    await forget();
    output.show(done, `${slug} lives in cell ${done.cell} now: ${done.rows} rows.`);
    return 0;
  },
});

const fileOf = ({ slug }: Tenant) => `${slug}.move.ndjson`;

/** @throws BadArchive; Error for a person, when it is another tenant's */
async function checked(file: string, id: string): Promise<Check> {
  const check = checkArchive();
  for await (const line of linesOf(file)) check.take(line);
  check.end();
  if (check.header?.tenant.id !== id) throw new Error(`${file} is another tenant's.`);
  return check;
}

async function stay(api: OperatorsApi, slug: string, output: Output): Promise<number> {
  const tenant = await findTenant(api, slug);
  const { id: abandoned } = await abandonOpen(api, tenant);
  // The tenant changes again, so no move can use it any more.
  await rm(fileOf(tenant), { force: true });
  const now = await api.call<Tenant>({ path: `/tenants/${tenant.id}` });
  output.show(
    { abandoned, state: now.state },
    `${abandoned} is abandoned; ${slug} is ${now.state}.`,
  );
  return 0;
}
