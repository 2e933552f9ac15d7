/**
 * The tenant databases of an environment's cells.
 *
 *   npm run pool -- status [--env NAME] [--json]          how many there are; exit code 3: a cell runs low
 *   npm run pool -- grow N --cell NAME [--env NAME]       deploys that cell again, with N databases in all
 *   npm run pool -- grow --low [--env NAME]               each cell that runs low gets `grow_by` more
 *   npm run pool -- retired [--env NAME] [--json]         databases to delete, and the commands for it
 *
 * `--env` may be left out where fleet.toml has one environment. Settings are those of scripts/deploy.ts;
 * `status` wants no token of Cloudflare's. A growth deploys what runs already, so it is refused in a
 * checkout of anything else; what is interrupted is run again with the same N.
 */
import { parseArgs } from "node:util";
import { cloudflare } from "./lib/deploy/cloudflare.ts";
import { runCommand } from "./lib/deploy/command.ts";
import { readDeployed } from "./lib/deploy/deployed.ts";
import { describePlan } from "./lib/deploy/describe.ts";
import { type Environment, readEnvironment } from "./lib/deploy/fleet.ts";
import { makePlan } from "./lib/deploy/plan.ts";
import { describePool, growthOf, readPool } from "./lib/deploy/pool-status.ts";
import { describeRetired, readRetired } from "./lib/deploy/retired.ts";
import { carryOut } from "./lib/deploy/run.ts";
import { type Site, siteOf } from "./lib/deploy/site.ts";
import { toolsOf } from "./lib/deploy/tools.ts";
import { checkoutVersion } from "./lib/deploy/version.ts";

const USAGE = "Usage: npm run pool -- status | grow N --cell NAME | grow --low | retired";
/** Told apart from a failure, so that a workflow can act on it. */
const LOW = 3;

interface Flags {
  readonly cell: string | undefined;
  readonly low: boolean;
  readonly json: boolean;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      env: { type: "string" },
      cell: { type: "string" },
      low: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const [command, number, ...rest] = positionals;
  if (rest.length > 0) throw new Error(USAGE);
  const environment = readEnvironment(values.env);
  const site = siteOf(environment);
  const flags = { cell: values.cell, low: values.low, json: values.json };
  if (command === "status" && number === undefined) await status(environment, site, flags);
  else if (command === "grow") await grow(environment, site, number, flags);
  else if (command === "retired" && number === undefined) await retired(environment, site, flags);
  else throw new Error(USAGE);
  await site.operators.close();
}

async function status(environment: Environment, site: Site, { json }: Flags): Promise<void> {
  const pool = await readPool(environment, site);
  if (json) console.log(JSON.stringify({ cells: pool }));
  else for (const line of describePool(pool)) console.log(line);
  if (pool.some(({ low }) => low)) process.exitCode = LOW;
}

async function grow(
  environment: Environment,
  site: Site,
  number: string | undefined,
  { cell, low }: Flags,
): Promise<void> {
  const named = number !== undefined && cell !== undefined;
  if (low === named || (low && (number !== undefined || cell !== undefined)))
    throw new Error(USAGE);
  const sizes = growthOf(low ? await readPool(environment, site) : { cell, size: Number(number) });
  if (sizes.size === 0) {
    console.log("No cell runs low.");
    return;
  }
  const tools = toolsOf();
  const plan = makePlan(environment, await readDeployed(tools.api, environment), {
    version: checkoutVersion(),
    grow: sizes,
    login: site.credentials,
  });
  for (const line of describePlan(plan)) console.log(line);
  await carryOut(plan, site, tools);
  for (const line of describePool(await readPool(environment, site))) console.log(line);
}

async function retired(environment: Environment, site: Site, { json }: Flags): Promise<void> {
  const databases = await readRetired(environment, site, cloudflare());
  if (json) console.log(JSON.stringify({ databases }));
  else for (const line of describeRetired(databases)) console.log(line);
}

await runCommand(main);
