/**
 * Makes a platform operator in the control database.
 *
 *   npm run operator -- create EMAIL [--password-stdin] [--local | --remote] [--env NAME]
 *
 * --password-stdin  reads the password from standard input; otherwise one is made and shown once
 * --local           the database of `npm start` (the default; ROWHOUSE_STATE names another)
 * --remote          the deployed database; wrangler must be signed in, or CLOUDFLARE_API_TOKEN set
 * --env             the environment in wrangler.toml, with --remote
 */
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { z } from "zod";
import { REASONS } from "../src/platform/access/passwords.ts";
import { checkPassword } from "../src/platform/crypto/password-policy.ts";
import { randomToken } from "../src/platform/crypto/random.ts";
import { type ControlDatabase, createOperator } from "./lib/operator.ts";
import { stateDirectory } from "./lib/paths.ts";
import { LOCAL_POOL_SIZE } from "./lib/pool.ts";
import { writeConfig } from "./lib/render-config.ts";
import { localHome, runWrangler } from "./lib/wrangler.ts";

const USAGE =
  "Usage: npm run operator -- create EMAIL [--password-stdin] [--local | --remote] [--env NAME]";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "password-stdin": { type: "boolean" },
      local: { type: "boolean" },
      remote: { type: "boolean" },
      env: { type: "string" },
    },
  });
  const [command, address, ...rest] = positionals;
  if (command !== "create" || !address || rest.length > 0 || (values.local && values.remote)) {
    throw new Error(USAGE);
  }
  const email = address.trim().toLowerCase();
  if (!z.email().max(254).safeParse(email).success) {
    throw new Error(`"${address}" is not an e-mail address.`);
  }
  const password = values["password-stdin"]
    ? (await text(process.stdin)).replace(/\r?\n$/, "")
    : randomToken();
  const fault = checkPassword(password, email);
  if (fault) throw new Error(`The password ${REASONS[fault]}.`);

  const database = values.remote ? remote(values.env) : await local();
  if (!(await createOperator({ email, password }, database))) {
    throw new Error(`There is an operator ${email} already; nothing was changed.`);
  }
  console.log(`Made the operator ${email}.`);
  if (!values["password-stdin"]) console.log(`Password, shown this once: ${password}`);
}

async function local(): Promise<ControlDatabase> {
  const { persistTo, env } = localHome(stateDirectory());
  const args = ["--local", "--persist-to", persistTo, "--config", writeConfig(LOCAL_POOL_SIZE)];
  await runWrangler(["d1", "migrations", "apply", "CONTROL_DB", ...args], env);
  return { args, env };
}

function remote(environment: string | undefined): ControlDatabase {
  const { env } = localHome(stateDirectory());
  return { args: ["--remote", ...(environment ? ["--env", environment] : [])], env };
}

try {
  await main();
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
