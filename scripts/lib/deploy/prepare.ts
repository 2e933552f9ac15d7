import { type Cloudflare, CloudflareError } from "./cloudflare.ts";
import { controlDatabaseName } from "./names.ts";
import type { Database, Plan } from "./plan.ts";
import { forEach, type Tools } from "./tools.ts";

/**
 * Makes all that a deploy needs to be there before it. Each thing is only made where it is missing, so
 * what an earlier run has made is used.
 *
 * @returns ids of the tenant databases that were made, by name
 */
export async function prepare(plan: Plan, tools: Tools): Promise<Map<string, string>> {
  if (!plan.isGrowth) await migrateControl(plan, tools);
  for (const queue of plan.newQueues) {
    tools.say(`Making the queue ${queue}.`);
    await makeQueue(queue, tools.api);
  }
  if (plan.newDatabases.length > 0) tools.say(`Making ${plan.newDatabases.length} databases.`);
  const made = new Map<string, string>();
  await forEach(plan.newDatabases, async (database) => {
    made.set(database.name, await makeDatabase(database, tools));
  });
  return made;
}

/** Cloudflare's number for a queue whose name is taken. */
const QUEUE_IS_THERE = 11_009;

/** One that is there already is the one that was wanted: names of queues are an account's own. */
async function makeQueue(name: string, api: Cloudflare): Promise<void> {
  try {
    await api.call("POST", "/queues", { queue_name: name });
  } catch (error) {
    if (!(error instanceof CloudflareError && error.codes.includes(QUEUE_IS_THERE))) throw error;
  }
}

/** Control migrations only add, so the code that still runs goes on running on them. */
async function migrateControl({ environment, home, newControl }: Plan, tools: Tools) {
  const name = controlDatabaseName(environment);
  if (newControl) {
    tools.say(`Making the control database ${name}.`);
    const hint = environment.location ? { primary_location_hint: environment.location } : {};
    await tools.api.call("POST", "/d1/database", { name, ...hint });
  }
  tools.say("Migrating the control database.");
  const target = ["CONTROL_DB", "--remote", "--config", home.file];
  await tools.wrangler(["d1", "migrations", "apply", ...target]);
}

/** Where a database stands is said when it is made, or never. A jurisdiction outweighs a hint. */
async function makeDatabase({ name, cell }: Database, { api }: Tools): Promise<string> {
  const { region, location } = cell;
  const { uuid } = await api.call<{ uuid: string }>("POST", "/d1/database", {
    name,
    ...(region ? { jurisdiction: region } : location ? { primary_location_hint: location } : {}),
  });
  return uuid;
}
