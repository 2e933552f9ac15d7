/**
 * Makes an environment of fleet.toml what this checkout says. Running it again changes nothing that is
 * right, so one that was interrupted is simply run again. `--help` says how it is called.
 *
 *   CLOUDFLARE_API_TOKEN         a token; docs/operations.md names its permissions
 *   CLOUDFLARE_ACCOUNT_ID        the account
 *   CLOUDFLARE_API_BASE_URL      where Cloudflare's API is, if it is elsewhere
 *   MASTER_KEY                   needed where a cell is new
 *   ROWHOUSE_OPERATOR_EMAIL      an operator, who is made by the first deploy
 *   ROWHOUSE_OPERATOR_PASSWORD   and the password
 *   ROWHOUSE_DIAL                what to connect to instead of the base URL's host: `127.0.0.1:8787`
 *   ROWHOUSE_FLEET               another file than fleet.toml
 *   ROWHOUSE_PATIENCE            seconds that a new version may take to answer (60)
 *
 * In this order: a look whether the operator is let in, control database, its migrations, queues, databases with a place of their own, cells,
 * router, first operator, smoke test through the base URL, cells made known, new databases made
 * claimable, tenants migrated. What fails up to the smoke test is rolled back, and the exit code is 1.
 */
import { parseArgs } from "node:util";
import { runCommand } from "./lib/deploy/command.ts";
import { readDeployed } from "./lib/deploy/deployed.ts";
import { describePlan } from "./lib/deploy/describe.ts";
import { readEnvironment } from "./lib/deploy/fleet.ts";
import { makePlan } from "./lib/deploy/plan.ts";
import { carryOut, rehearsal } from "./lib/deploy/run.ts";
import { siteOf } from "./lib/deploy/site.ts";
import { toolsOf } from "./lib/deploy/tools.ts";
import { checkoutVersion } from "./lib/deploy/version.ts";

const USAGE = `Usage: npm run deploy -- --env NAME [--dry-run] [--object-migrations] [--put-master-key]
  --env                 which environment of fleet.toml
  --dry-run             prints the plan and compiles every Worker; nothing is changed
  --object-migrations   lets a deploy change what Durable Objects there are: there is no way back from it
  --put-master-key      puts MASTER_KEY on every cell, not on new ones alone
docs/operations.md names the environment variables that are wanted.`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      env: { type: "string" },
      "dry-run": { type: "boolean" },
      "object-migrations": { type: "boolean" },
      "put-master-key": { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  if (!values.env) throw new Error("Say --env with an environment of fleet.toml.");
  const environment = readEnvironment(values.env);
  const site = siteOf(environment);
  const tools = toolsOf();
  const plan = makePlan(environment, await readDeployed(tools.api, environment), {
    version: checkoutVersion(),
    objectMigrations: values["object-migrations"] ?? false,
    putMasterKey: values["put-master-key"] ?? false,
    masterKey: tools.masterKey,
    login: site.credentials,
  });
  for (const line of describePlan(plan)) console.log(line);
  if (values["dry-run"]) {
    await rehearsal(plan, tools);
    return;
  }
  await carryOut(plan, site, tools);
  await site.operators.close();
  console.log(`${environment.base_url} is ${plan.version}.`);
}

await runCommand(main);
