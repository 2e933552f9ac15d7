import { randomUUID } from "node:crypto";
import { z } from "zod";
import { type Account, liveVersion, type Script } from "./account.ts";
import { type Endpoint, endpoint, Fault } from "./endpoint.ts";
import { Observability } from "./metadata.ts";
import { deploy, SCRIPT, scriptOf, shownBinding } from "./scripts.ts";

const Secret = z.strictObject({
  type: z.literal("secret_text"),
  name: z.string(),
  text: z.string(),
});

/** What a Worker has besides its code: settings, secrets, crons, its name on workers.dev. */
export const SCRIPT_DETAIL_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET /accounts/:account/workers/services/:script", {
    wranglerOnly: true,
    answer: (account, call) => {
      const name = call.params.script as string;
      const script = account.scripts.get(name);
      if (!script) throw new Fault(404, 10_090, "This Worker does not exist on your account.");
      const shown = {
        id: name,
        tag: script.tag,
        tags: script.settings.tags ?? [],
        migration_tag: script.migrationTag,
        last_deployed_from: "wrangler",
      };
      return {
        result: { id: name, default_environment: { environment: "production", script: shown } },
      };
    },
  }),
  endpoint("GET /accounts/:account/workers/workers/:script", {
    answer: (account, call) => {
      const { tag, name, subdomain } = scriptOf(account, call);
      return { result: { id: tag, name, subdomain } };
    },
  }),
  endpoint(`GET ${SCRIPT}/settings`, {
    answer: (account, call) => {
      const script = scriptOf(account, call);
      const version = liveVersion(script);
      return {
        result: {
          bindings: (version?.bindings ?? []).map(shownBinding),
          compatibility_date: version?.metadata.compatibility_date,
          compatibility_flags: version?.metadata.compatibility_flags,
          ...script.settings,
        },
      };
    },
  }),
  endpoint(`PATCH ${SCRIPT}/script-settings`, {
    body: z.strictObject({
      logpush: z.boolean().optional(),
      observability: Observability.nullish(),
      tags: z.array(z.string()).nullish(),
      tail_consumers: z.array(z.looseObject({ service: z.string() })).nullish(),
    }),
    answer: (account, call) => {
      const script = scriptOf(account, call);
      Object.assign(script.settings, call.body);
      return { result: script.settings };
    },
  }),
  endpoint(`GET ${SCRIPT}/subdomain`, {
    answer: (account, call) => ({ result: scriptOf(account, call).subdomain }),
  }),
  endpoint(`POST ${SCRIPT}/subdomain`, {
    body: z.strictObject({ enabled: z.boolean(), previews_enabled: z.boolean().optional() }),
    answer: (account, call) => {
      const script = scriptOf(account, call);
      const { enabled, previews_enabled = enabled } = call.body;
      script.subdomain = { enabled, previews_enabled };
      return { result: script.subdomain };
    },
  }),
  endpoint(`GET ${SCRIPT}/schedules`, {
    answer: (account, call) => ({ result: schedules(scriptOf(account, call)) }),
  }),
  endpoint(`PUT ${SCRIPT}/schedules`, {
    body: z.array(z.strictObject({ cron: z.string() })),
    answer: (account, call) => {
      const script = scriptOf(account, call);
      script.crons = call.body.map(({ cron }) => cron);
      return { result: schedules(script) };
    },
  }),
  endpoint(`GET ${SCRIPT}/secrets`, {
    answer: (account, call) => {
      const bindings = liveVersion(scriptOf(account, call))?.bindings ?? [];
      return { result: bindings.filter(({ type }) => type === "secret_text").map(shownBinding) };
    },
  }),
  endpoint(`PUT ${SCRIPT}/secrets`, {
    body: Secret,
    answer: async (account, call) => {
      await putSecrets(account, scriptOf(account, call), [call.body]);
      return { result: { type: call.body.type, name: call.body.name } };
    },
  }),
  endpoint(`PATCH ${SCRIPT}/secrets-bulk`, {
    body: z.strictObject({ secrets: z.record(z.string(), Secret) }),
    answer: async (account, call) => {
      await putSecrets(account, scriptOf(account, call), Object.values(call.body.secrets));
      return { result: null };
    },
  }),
];

function schedules({ crons }: Script) {
  return { schedules: crons.map((cron) => ({ cron })) };
}

/** A secret is part of a version: it makes a new one, of the live one, and deploys that. */
async function putSecrets(account: Account, script: Script, secrets: z.infer<typeof Secret>[]) {
  const live = liveVersion(script);
  const last = script.versions.at(-1);
  if (!live || !last || live.id !== last.id) {
    throw new Fault(400, 10_215, "The latest version of the Worker is not the deployed one.");
  }
  const names = new Set(secrets.map(({ name }) => name));
  const version = {
    ...live,
    id: randomUUID(),
    number: last.number + 1,
    created_on: new Date().toISOString(),
    bindings: [...live.bindings.filter(({ name }) => !names.has(name)), ...secrets],
  };
  script.versions.push(version);
  await deploy(account, script, version, "secret");
}
