import { readFile, stat } from "node:fs/promises";
import type { OperatorsApi } from "../lib/operators-api.ts";
import { type Check, checkArchive } from "./archive.ts";
import { command, UsageError } from "./command.ts";
import { digestOf, linesOf, partsOf } from "./parts.ts";
import type { Tenant } from "./tenant.ts";
import type { Output } from "./terminal.ts";

/** An import, as the operators' API shows it. */
export interface Import {
  readonly id: string;
  readonly tenant_id: string;
  readonly kind: "new" | "move";
  readonly parts: number;
  readonly rows: number;
  readonly cell: string;
}

export const importTenant = command({
  usage: "import FILE [--move] [--region eu|us] [--resume | --abandon]",
  summary:
    "A tenant from an archive or from the seeds' JSON form; --move takes one that is here to a fresh database",
  words: ["FILE"],
  options: {
    move: { type: "boolean" },
    region: { type: "string" },
    resume: { type: "boolean" },
    abandon: { type: "boolean" },
  },
  async run({ words: { FILE: file }, flags, output, api }) {
    if (flags.resume && flags.abandon)
      throw new UsageError("--resume and --abandon exclude each other.");
    if (!(await isArchive(file))) return importSeed(api(), file, output);
    const check = await verified(file, output);
    const { header } = check;
    if (!flags.move && !flags.resume && !flags.abandon) await requireStranger(api(), check);
    const place = flags.region === undefined ? {} : { region: flags.region };
    const begun = await api().call<Import>({
      method: "POST",
      path: "/tenants/imports",
      body: { archive: header, ...place },
    });
    if (flags.abandon) return abandon(api(), begun, output);
    if (begun.parts > 0 && !flags.resume) {
      throw new Error(
        `An import of this tenant is open, with ${begun.parts} parts taken in: --resume goes on, --abandon gives it up.`,
      );
    }
    const done = await upload(api(), { file, begun, check }, output);
    output.show(done, `${header?.tenant.slug} lives in cell ${done.cell} now: ${done.rows} rows.`);
    return 0;
  },
});

/** Whether it is lines that begin with a header; anything else has to be the seeds' form. */
async function isArchive(file: string): Promise<boolean> {
  for await (const line of linesOf(file)) return line.startsWith('{"header"');
  throw new Error(`${file} is empty.`);
}

/** Nothing is begun with a file that is not whole. @throws BadArchive */
async function verified(file: string, output: Output): Promise<Check> {
  const check = checkArchive();
  const progress = output.progress("Verified rows");
  try {
    for await (const line of linesOf(file)) {
      check.take(line);
      progress.to(check.rows);
    }
    check.end();
  } finally {
    progress.end();
  }
  return check;
}

/** Who is here would be moved, and that is not what was asked for. */
async function requireStranger(api: OperatorsApi, { header }: Check): Promise<void> {
  const slug = encodeURIComponent(header?.tenant.slug ?? "");
  for await (const tenant of api.list<Tenant>(`/tenants?slug=${slug}`)) {
    const isHere = ["active", "suspended", "deactivated"].includes(tenant.state);
    if (isHere && tenant.id === header?.tenant.id) {
      throw new Error(`${tenant.slug} lives here: --move takes it to a fresh database.`);
    }
  }
}

/** Sends what was not taken in yet, and has the whole compared with its manifest. */
export async function upload(
  api: OperatorsApi,
  { file, begun, check }: { file: string; begun: Import; check: Check },
  output: Output,
): Promise<Import> {
  const base = `/tenants/${begun.tenant_id}/imports/${begun.id}`;
  const { size } = await stat(file);
  const progress = output.progress("Bytes");
  let sent = 0;
  try {
    for await (const { number, bytes } of partsOf(file)) {
      if (number > begun.parts) {
        await api.call({
          method: "PUT",
          path: `${base}/parts/${number}`,
          raw: { type: "application/x-ndjson", bytes },
          headers: { "content-digest": digestOf(bytes) },
        });
      }
      sent += bytes.length;
      progress.to(sent, size);
    }
  } finally {
    progress.end();
  }
  return api.call<Import>({ method: "POST", path: `${base}/complete`, body: check.manifest });
}

async function abandon(api: OperatorsApi, begun: Import, output: Output): Promise<number> {
  await api.call({ method: "DELETE", path: `/tenants/${begun.tenant_id}/imports/${begun.id}` });
  output.show({ abandoned: begun.id }, `${begun.id} is abandoned.`);
  return 0;
}

async function importSeed(api: OperatorsApi, file: string, output: Output): Promise<number> {
  const tenant = await api.call<Tenant>({
    method: "POST",
    path: "/tenants/imports/seed",
    body: parsedSeed(await readFile(file, "utf8"), file),
  });
  output.show(tenant, `Made ${tenant.slug} (${tenant.id}) at ${tenant.url}.`);
  return 0;
}

function parsedSeed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file} is neither an archive nor JSON.`);
  }
}
