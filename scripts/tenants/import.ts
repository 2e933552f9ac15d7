import { readFile, stat } from "node:fs/promises";
import type { OperatorsApi } from "../lib/operators-api.ts";
import { type Check, checkArchive, type Header } from "./archive.ts";
import { command, UsageError } from "./command.ts";
import { linesOf } from "./lines.ts";
import { abandonOpen, type Import, noneOpen, openImport, whileOpen } from "./open-import.ts";
import { digestOf, partsOf } from "./parts.ts";
import type { Tenant } from "./tenant.ts";
import type { Output } from "./terminal.ts";

/** How a person goes on with an import that is open. */
const WAYS = "--resume goes on, --abandon gives it up.";

export const importTenant = command({
  usage: "import FILE [--move] [--region eu|us] [--pages N] [--resume | --abandon]",
  summary:
    "A tenant from an archive or from the seeds' JSON form; --move takes one that is here to a fresh database",
  words: ["FILE"],
  options: {
    move: { type: "boolean" },
    region: { type: "string" },
    pages: { type: "string" },
    resume: { type: "boolean" },
    abandon: { type: "boolean" },
  },
  async run({ words: { FILE: file }, flags, output, api }) {
    if (flags.resume && flags.abandon)
      throw new UsageError("--resume and --abandon exclude each other.");
    const header = await headerOf(file);
    if (!header) {
      if (flags.move || flags.resume || flags.abandon) {
        throw new Error(`${file} is no archive: it does not begin with a header.`);
      }
      return importSeed(api(), file, output);
    }
    const { id, slug } = header.tenant;
    // Who wants out needs no whole archive.
    if (flags.abandon) {
      const { id: abandoned } = await abandonOpen(api(), header.tenant);
      output.show({ abandoned }, `${abandoned} is abandoned.`);
      return 0;
    }
    const check = await verified(file, output);
    const before = await openImport(api(), id);
    if (before && !flags.resume) {
      throw new Error(`An import of ${slug} is open, with ${before.parts} parts taken in: ${WAYS}`);
    }
    if (!before && flags.resume) throw noneOpen(slug);
    if (!before && !flags.move) await requireStranger(api(), check);
    const begun = before ?? (await begin(api(), header, flags.region));
    const { pages } = flags;
    const sent = { file, begun, check, ...(pages === undefined ? {} : { pages }) };
    const done = await whileOpen(api(), { begun, isOwn: !before, ways: WAYS }, () =>
      upload(api(), sent, output),
    );
    output.show(done, `${slug} lives in cell ${done.cell} now: ${done.rows} rows.`);
    return 0;
  },
});

/** The header of an archive; none where it has to be the seeds' form. @throws BadArchive */
async function headerOf(file: string): Promise<Header | undefined> {
  for await (const line of linesOf(file)) {
    if (!line.startsWith('{"header"')) return undefined;
    const check = checkArchive();
    check.take(line);
    return check.header;
  }
  throw new Error(`${file} is empty.`);
}

function begin(api: OperatorsApi, archive: Header, region: string | undefined): Promise<Import> {
  const body = { archive, ...(region === undefined ? {} : { region }) };
  return api.call<Import>({ method: "POST", path: "/tenants/imports", body });
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
  { file, begun, check, pages }: { file: string; begun: Import; check: Check; pages?: string },
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
  return completed(api, `${base}/complete${pages ? `?pages=${pages}` : ""}`, check, output);
}

/** Asks until every row has been compared: a request compares as many as it may. */
async function completed(
  api: OperatorsApi,
  path: string,
  { manifest }: Check,
  output: Output,
): Promise<Import> {
  const progress = output.progress("Compared rows");
  try {
    for (;;) {
      const shown = await api.call<Import>({ method: "POST", path, body: manifest });
      if (shown.state === "done") return shown;
      progress.to(shown.rows_verified, shown.rows);
    }
  } finally {
    progress.end();
  }
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
