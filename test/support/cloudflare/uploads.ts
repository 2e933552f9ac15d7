import { randomUUID } from "node:crypto";
import type { Account, Module, Script, Version } from "./account.ts";
import { type Call, Fault, isWrangler, UnknownField, without } from "./endpoint.ts";
import { type Binding, Metadata, type Migrations } from "./metadata.ts";

const MODULE_TYPES: Record<string, Module["type"]> = {
  "application/javascript+module": "ESModule",
  "text/plain": "Text",
  "application/octet-stream": "Data",
  "application/wasm": "CompiledWasm",
};

/** An uploaded form: what the Worker is to be, and its modules. */
export interface Upload {
  metadata: Metadata;
  modules: Module[];
}

/** Fields of `metadata` that the schema does not have, and that wrangler sends. */
const WRANGLER_FIELDS = ["code_update_strategy"];

/** Reads an upload, and refuses a field that the schema does not have. */
export async function readUpload(call: Call): Promise<Upload> {
  const parts = [...(call.form ?? [])] as [string, string | File][];
  const modules: Module[] = [];
  let text: string | undefined;
  for (const [name, part] of parts) {
    if (name === "metadata") {
      text = typeof part === "string" ? part : await part.text();
    } else if (typeof part !== "string" && part.type !== "application/source-map") {
      const type = MODULE_TYPES[part.type.split(";")[0] ?? ""];
      if (!type) throw new Fault(400, 10_021, `The module ${name} has the type ${part.type}.`);
      modules.push({ name, type, content: new Uint8Array(await part.arrayBuffer()) });
    }
  }
  const known = without(JSON.parse(text ?? "{}"), isWrangler(call) ? WRANGLER_FIELDS : []);
  const parsed = Metadata.safeParse(known);
  if (!parsed.success) throw new UnknownField(`metadata: ${parsed.error.message}`);
  const main = parsed.data.main_module;
  if (!modules.some(({ name }) => name === main)) {
    throw new Fault(400, 10_021, `The main module ${main} was not uploaded.`);
  }
  return { metadata: parsed.data, modules };
}

/** The next version of a script, with what it inherits put in; refused where Cloudflare refuses. */
export function newVersion(account: Account, script: Script, upload: Upload): Version {
  const { metadata } = upload;
  const before = script.versions.at(-1);
  const bindings = metadata.bindings.map((wanted): Binding => {
    if (wanted.type !== "inherit") return wanted;
    const found = before?.bindings.find(({ name }) => name === (wanted.old_name ?? wanted.name));
    if (!found) {
      throw new Fault(400, 10_057, `There is no binding ${wanted.name} to inherit in the version.`);
    }
    return { ...found, name: wanted.name };
  });
  const names = new Set(bindings.map(({ name }) => name));
  if (names.size < bindings.length) throw new Fault(400, 10_021, "Two bindings have one name.");
  const kept = (before?.bindings ?? []).filter(
    ({ name, type }) => metadata.keep_bindings?.includes(type) && !names.has(name),
  );
  for (const binding of bindings) checkBinding(account, script, binding);
  const session = metadata.assets?.jwt;
  const assets = session === undefined ? undefined : account.assetSessions.get(session);
  if (session !== undefined && !assets) throw new Fault(400, 10_041, "No such asset session.");
  if (!assets && bindings.some(({ type }) => type === "assets")) {
    throw new Fault(400, 10_021, "A binding for assets, and no assets.");
  }
  return {
    id: randomUUID(),
    number: (before?.number ?? 0) + 1,
    created_on: new Date().toISOString(),
    metadata,
    bindings: [...bindings, ...kept],
    modules: upload.modules,
    assets,
  };
}

/** What a binding refers to must be there. */
function checkBinding(account: Account, script: Script, binding: Binding): void {
  const missing = (what: string, code: number): Fault =>
    new Fault(400, code, `The binding ${binding.name} refers to ${what}, which is not there.`);
  if (binding.type === "d1") {
    const id = databaseIdOf(binding);
    if (!account.databases.some(({ uuid }) => uuid === id)) throw missing(`database ${id}`, 10_181);
  }
  if (binding.type === "queue") {
    const name = binding.queue_name;
    if (!account.queues.some(({ queue_name }) => queue_name === name)) {
      throw missing(`queue ${name}`, 11_000);
    }
  }
  if (binding.type === "service" && !account.scripts.has(binding.service)) {
    throw missing(`Worker ${binding.service}`, 10_143);
  }
  if (binding.type === "durable_object_namespace" && !script.classes.includes(binding.class_name)) {
    throw missing(`class ${binding.class_name}`, 10_061);
  }
}

/** The database of a binding, under either name of the field. */
export function databaseIdOf(binding: Binding & { type: "d1" }): string {
  return (binding.database_id ?? binding.id) as string;
}

/** Applies migrations of Durable Objects; they must begin where the script stands. */
export function migrate(script: Script, migrations: Migrations, version: number): void {
  if (script.migrationTag !== migrations.old_tag) {
    throw new Fault(
      412,
      10_079,
      `The migrations begin at ${migrations.old_tag}, the Worker stands at ${script.migrationTag}.`,
    );
  }
  const classes = new Set(script.classes);
  for (const step of migrations.steps) {
    for (const made of [...(step.new_classes ?? []), ...(step.new_sqlite_classes ?? [])]) {
      if (classes.has(made)) throw new Fault(400, 10_074, `The class ${made} is there already.`);
      classes.add(made);
    }
    for (const { from, to } of step.renamed_classes ?? []) {
      if (!classes.delete(from)) throw new Fault(400, 10_070, `There is no class ${from}.`);
      classes.add(to);
    }
    for (const gone of step.deleted_classes ?? []) {
      if (!classes.delete(gone)) throw new Fault(400, 10_070, `There is no class ${gone}.`);
    }
  }
  script.classes = [...classes];
  script.migrationTag = migrations.new_tag;
  script.migratedAt = version;
}
