/**
 * `npm start`: everything that a fresh clone needs to serve, then the server itself.
 *
 * Makes local secrets, migrates the control database, makes the demo operator and tenant, and stays
 * in the foreground until Ctrl-C. Running it again changes nothing that is there.
 *
 *   PORT             port to serve on (8787)
 *   ROWHOUSE_STATE   directory of the local databases (.rowhouse/state)
 *   ROWHOUSE_DEV_VARS  file of the local secrets (.dev.vars)
 *
 * With --end-with-parent it also stops when the program that started it is gone: npm dies of a
 * signal without passing it on.
 */
import { relative } from "node:path";
import { startCronClock } from "./lib/cron-clock.ts";
import { startDevServer } from "./lib/dev-server.ts";
import { devVarsFile, ensureDevVars } from "./lib/dev-vars.ts";
import { stayUntilStopped } from "./lib/foreground.ts";
import { createOperator } from "./lib/operator.ts";
import { stateDirectory } from "./lib/paths.ts";
import { LOCAL_POOL_SIZE } from "./lib/pool.ts";
import { chosenPort, requireFree } from "./lib/port.ts";
import { readConfig, writeConfig } from "./lib/render-config.ts";
import { DEMO, seed } from "./lib/seed.ts";
import { takeState } from "./lib/state-lock.ts";
import { localHome, runWrangler } from "./lib/wrangler.ts";

async function start(): Promise<string> {
  const port = chosenPort();
  const state = stateDirectory();
  const giveBack = await takeState(state, port);
  process.once("exit", giveBack);
  await requireFree(port);
  const devVars = devVarsFile();
  if (ensureDevVars(devVars)) say(`Made ${shown(devVars)} with fresh secrets.`);
  const config = writeConfig(LOCAL_POOL_SIZE);
  const { persistTo, env } = localHome(state);
  const local = ["--local", "--persist-to", persistTo, "--config", config];

  say("Migrating the control database …");
  await runWrangler(["d1", "migrations", "apply", "CONTROL_DB", ...local], env);
  await createOperator({ email: DEMO.operator, password: DEMO.password }, { args: local, env });

  say("Starting the server …");
  const server = await startDevServer({
    port,
    configs: [config],
    devVars,
    persistTo,
    env,
    onLine: say,
  });
  const changed = await seed(port);
  const stopClock = startCronClock(port, readConfig().triggers?.crons ?? [], say);
  if (changed) say(changed);
  say(welcome(port, shown(state), changed === undefined));

  const reason = await server.ended;
  stopClock();
  return reason;
}

/** @param intact whether the demo's login is the one that we know */
function welcome(port: number, state: string, intact: boolean): string {
  const acme = `http://${DEMO.slug}.localhost:${port}`;
  return `
Rowhouse is ready on http://localhost:${port}

  The demo tenant's door   ${acme}/docs
  The platform's door      http://localhost:${port}/docs
${intact ? loginOn(acme) : ""}
  Ctrl-C stops it. The data is in ${state}; delete that directory to begin anew.
`;
}

function loginOn(door: string): string {
  const login = JSON.stringify({ email: DEMO.admin, password: DEMO.password });
  return `
  Sign in as the demo tenant's admin:

  curl -s ${door}/api/v1/auth/login \\
    -H 'content-type: application/json' \\
    -d '${login}'
`;
}

/** A path as a person would type it here. */
function shown(path: string): string {
  const here = relative(process.cwd(), path);
  return here.startsWith("..") ? path : here || ".";
}

function say(line: string): void {
  console.log(line);
}

await stayUntilStopped(start);
