/**
 * The tenant databases of an environment's cells: how many there are, more of them, and those to delete.
 * `--help` says how it is called.
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
import { describeFull, describePool, growthOf, readPool } from "./lib/deploy/pool-status.ts";
import { describeRetired, readRetired } from "./lib/deploy/retired.ts";
import { carryOut } from "./lib/deploy/run.ts";
import { type Site, siteOf } from "./lib/deploy/site.ts";
import { toolsOf } from "./lib/deploy/tools.ts";
import { checkoutVersion } from "./lib/deploy/version.ts";

const USAGE = `Usage: npm run pool -- COMMAND [--env NAME]
  status [--json]       how many databases each cell has; exit code 3: a cell runs low
  grow N --cell NAME    deploys that cell again, with N databases in all
  grow --low            gives each cell that runs low more; exit code 3: one of them is full
  retired [--json]      databases to delete, and the commands for it
docs/operations.md names the environment variables that are wanted.`;
/** Told apart from a failure, so that a workflow can act on it. */
const LOW = 3;

interface Flags {
  readonly cell: string | undefined;
  readonly low: boolean;
  readonly json: boolean;
}

type Command = (environment: Environment, site: Site) => Promise<void>;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      env: { type: "string" },
      cell: { type: "string" },
      low: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [name, ...args] = positionals;
  if (values.help || name === undefined) {
    console.log(USAGE);
    return;
  }
  const { cell, low, json } = values;
  const command = commandOf(name, args, { cell, low, json });
  const environment = readEnvironment(values.env);
  const site = siteOf(environment);
  await command(environment, site);
  await site.operators.close();
}

/** @throws Error with the usage, before anything is asked for that the command would need */
function commandOf(name: string, args: readonly string[], flags: Flags): Command {
  const [size, ...rest] = args;
  const isNamed = size !== undefined && flags.cell !== undefined;
  const isLow = flags.low && size === undefined && flags.cell === undefined;
  if (name === "status" && args.length === 0) return (...at) => status(...at, flags);
  if (name === "retired" && args.length === 0) return (...at) => retired(...at, flags);
  if (name === "grow" && isLow) return growLow;
  if (name === "grow" && isNamed && !flags.low && rest.length === 0) {
    const sizes = growthOf({ cell: flags.cell, size: Number(size) });
    return (...at) => grow(...at, sizes);
  }
  throw new Error(USAGE);
}

async function status(environment: Environment, site: Site, { json }: Flags): Promise<void> {
  const pool = await readPool(environment, site);
  if (json) console.log(JSON.stringify({ cells: pool }));
  else for (const line of describePool(pool)) console.log(line);
  if (pool.some(({ low }) => low)) process.exitCode = LOW;
}

async function growLow(environment: Environment, site: Site): Promise<void> {
  const pool = await readPool(environment, site);
  const sizes = growthOf(pool);
  if (sizes.size > 0) await grow(environment, site, sizes);
  else if (!pool.some(({ low }) => low)) console.log("No cell runs low.");
  const full = describeFull(pool);
  for (const line of full) console.error(line);
  if (full.length > 0) process.exitCode = LOW;
}

async function grow(
  environment: Environment,
  site: Site,
  sizes: ReadonlyMap<string, number>,
): Promise<void> {
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
