import { randomUUID } from "node:crypto";
import { z } from "zod";
import {
  type Account,
  type Deployment,
  hexId,
  liveVersion,
  type Script,
  type Version,
} from "./account.ts";
import { type Call, type Endpoint, endpoint, Fault, pageOf } from "./endpoint.ts";
import type { Binding } from "./metadata.ts";
import { migrate, newVersion, readUpload } from "./uploads.ts";

export const SCRIPT = "/accounts/:account/workers/scripts/:script";

const text = z.string().optional();
const query = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape) as unknown as z.ZodType<Record<string, string>>;

/** Workers: uploads, versions and deployments. */
export const SCRIPT_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET /accounts/:account/workers/scripts", {
    query: query({ tags: text }),
    answer: ({ scripts }) => ({
      result: [...scripts.values()].map(({ name, tag, migrationTag }) => ({
        id: name,
        tag,
        migration_tag: migrationTag,
      })),
    }),
  }),
  // An upload that is live at once: a Worker's first, and every one with migrations.
  endpoint(`PUT ${SCRIPT}`, {
    wranglerFields: ["excludeScript"],
    query: query({ bindings_inherit: z.literal("strict").optional() }),
    form: true,
    answer: async (account, call) => {
      const name = call.params.script as string;
      const upload = await readUpload(call);
      const known = account.scripts.get(name);
      const script: Script = known ? { ...known, versions: [...known.versions] } : newScript(name);
      if (upload.metadata.migrations) {
        migrate(script, upload.metadata.migrations, script.versions.length + 1);
      }
      const version = newVersion(account, script, upload);
      script.versions.push(version);
      await deploy(account, script, version, "wrangler", upload.metadata.annotations);
      return {
        result: {
          id: name,
          etag: hexId(),
          tag: script.tag,
          deployment_id: version.id.replaceAll("-", ""),
          startup_time_ms: 1,
        },
      };
    },
  }),
  endpoint(`POST ${SCRIPT}/versions`, {
    query: query({ bindings_inherit: z.literal("strict").optional() }),
    form: true,
    answer: async (account, call) => {
      const script = scriptOf(account, call);
      const upload = await readUpload(call);
      if (upload.metadata.migrations) {
        throw new Fault(400, 10_211, "Migrations are not uploaded as a version.");
      }
      const version = newVersion(account, script, upload);
      script.versions.push(version);
      return { result: { ...shownVersion(script, version), startup_time_ms: 1 } };
    },
  }),
  endpoint(`GET ${SCRIPT}/versions`, {
    query: query({ deployable: text, page: text, per_page: text }),
    answer: (account, call) => {
      const script = scriptOf(account, call);
      const versions = script.versions.toReversed().map((each) => shownVersion(script, each));
      const { result, info } = pageOf(versions, call.query);
      return { result: { items: result }, ...(info && { info }) };
    },
  }),
  endpoint(`GET ${SCRIPT}/versions/:version`, {
    answer: (account, call) => {
      const script = scriptOf(account, call);
      return { result: shownVersion(script, versionOf(script, call.params.version as string)) };
    },
  }),
  endpoint(`GET ${SCRIPT}/deployments`, {
    answer: (account, call) => ({ result: { deployments: scriptOf(account, call).deployments } }),
  }),
  endpoint(`POST ${SCRIPT}/deployments`, {
    query: query({ force: text }),
    wranglerFields: ["code_update_strategy"],
    body: z.strictObject({
      strategy: z.literal("percentage"),
      versions: z
        .array(z.strictObject({ version_id: z.uuid(), percentage: z.literal(100) }))
        .length(1),
      annotations: z.strictObject({ "workers/message": text }).optional(),
    }),
    answer: async (account, call) => {
      const script = scriptOf(account, call);
      const version = versionOf(script, call.body.versions[0]?.version_id as string);
      if (version.number < script.migratedAt) {
        throw new Fault(400, 10_222, "Durable Objects were migrated after that version.");
      }
      const changed = changedSecrets(liveVersion(script), version);
      if (changed.length > 0 && call.query.force !== "true") {
        const list = changed.join(", ");
        throw new Fault(400, 10_220, `The following secrets have changed: ${list}`);
      }
      await deploy(account, script, version, "wrangler", call.body.annotations);
      return { result: script.deployments[0] };
    },
  }),
];

/** A script that has nothing yet. */
function newScript(name: string): Script {
  return {
    name,
    tag: hexId(),
    versions: [],
    deployments: [],
    crons: [],
    subdomain: { enabled: true, previews_enabled: true },
    settings: {},
    migrationTag: undefined,
    classes: [],
    migratedAt: 0,
  };
}

/** Makes a version live. One that does not start is refused, and the one before goes on serving. */
export async function deploy(
  account: Account,
  script: Script,
  version: Version,
  source: string,
  annotations: Record<string, string | undefined> = {},
): Promise<void> {
  const deployment: Deployment = {
    id: randomUUID(),
    created_on: new Date().toISOString(),
    source,
    strategy: "percentage",
    versions: [{ version_id: version.id, percentage: 100 }],
    annotations: { ...(annotations as Record<string, string>) },
    author_email: "deploy@rowhouse.example",
  };
  const before = account.scripts.get(script.name);
  const deployments = script.deployments;
  script.deployments = [deployment, ...deployments];
  account.scripts.set(script.name, script);
  account.runtime.changed();
  try {
    await account.runtime.settle(account);
  } catch (error) {
    script.deployments = deployments;
    if (before) account.scripts.set(script.name, before);
    else account.scripts.delete(script.name);
    account.runtime.changed();
    throw new Fault(400, 10_021, `The Worker did not start: ${(error as Error).message}`);
  }
}

/** @throws Fault 404 with the code that wrangler knows, where there is no such Worker */
export function scriptOf({ scripts }: Account, { params }: Call): Script {
  const script = scripts.get(params.script as string);
  if (!script) throw new Fault(404, 10_007, "This Worker does not exist on your account.");
  return script;
}

function versionOf(script: Script, id: string): Version {
  const version = script.versions.find((each) => each.id === id);
  if (!version) throw new Fault(404, 10_005, `There is no version ${id}.`);
  return version;
}

function changedSecrets(now: Version | undefined, then: Version): string[] {
  const secrets = (version: Version | undefined) =>
    new Map(
      (version?.bindings ?? []).flatMap((each) =>
        each.type === "secret_text" ? [[each.name, each.text] as const] : [],
      ),
    );
  const [live, other] = [secrets(now), secrets(then)];
  const names = new Set([...live.keys(), ...other.keys()]);
  return [...names].filter((name) => live.get(name) !== other.get(name));
}

function shownVersion(script: Script, version: Version) {
  const { id, number, created_on, metadata } = version;
  return {
    id,
    number,
    metadata: { created_on, modified_on: created_on, source: "wrangler", author_email: "" },
    annotations: metadata.annotations ?? {},
    resources: {
      bindings: version.bindings.map(shownBinding),
      script: { etag: hexId(), handlers: ["fetch"], last_deployed_from: "wrangler" },
      script_runtime: {
        compatibility_date: metadata.compatibility_date,
        compatibility_flags: metadata.compatibility_flags,
        migration_tag: script.migrationTag,
      },
    },
  };
}

/** As Cloudflare tells bindings: never a secret's text, and a database's id under both its names. */
export function shownBinding(binding: Binding) {
  if (binding.type === "secret_text") return { type: binding.type, name: binding.name };
  if (binding.type !== "d1") return binding;
  const id = binding.database_id ?? binding.id;
  return { type: "d1", name: binding.name, id, database_id: id };
}
