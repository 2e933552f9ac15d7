/**
 * `npm run start:cells`: a router and two cells, as a deploy makes them, on one port.
 *
 * The router finds the cell of each tenant and hands the request over; the cells share the control
 * database and nothing else. Makes the demo operator and a demo tenant in each cell, and stays in the
 * foreground until Ctrl-C. Running it again changes nothing that is there.
 *
 *   PORT               port to serve on (8787)
 *   ROWHOUSE_STATE     directory of the local databases (.rowhouse/cells)
 *   ROWHOUSE_DEV_VARS  file of the local secrets (.dev.vars)
 *   ROWHOUSE_DOWN      a cell that shall be down, `eu` or `us`, to see what its outage does (none)
 */
import { join, relative } from "node:path";
import { startCronClock } from "./lib/cron-clock.ts";
import { startDevServer } from "./lib/dev-server.ts";
import { devVarsFile, ensureDevVars } from "./lib/dev-vars.ts";
import { stayUntilStopped } from "./lib/foreground.ts";
import { LOCAL_CELLS, writeLocalCells } from "./lib/local-cells.ts";
import { createOperator } from "./lib/operator.ts";
import { GENERATED, stateDirectory } from "./lib/paths.ts";
import { chosenPort, requireFree } from "./lib/port.ts";
import { readConfig } from "./lib/render-config.ts";
import { DEMO } from "./lib/seed.ts";
import { seedCells } from "./lib/seed-cells.ts";
import { takeState } from "./lib/state-lock.ts";
import { localHome, runWrangler } from "./lib/wrangler.ts";

async function start(): Promise<string> {
  const port = chosenPort();
  const state = process.env.ROWHOUSE_STATE ? stateDirectory() : join(GENERATED, "cells");
  process.once("exit", await takeState(state, port));
  await requireFree(port);
  const devVars = devVarsFile();
  ensureDevVars(devVars);
  const down = cellThatIsDown();
  const { configs, pool } = writeLocalCells(state, port, devVars, down);
  const { persistTo, env } = localHome(state);
  const local = ["--local", "--persist-to", persistTo, "--config", configs[1] as string];

  console.log("Migrating the control database …");
  await runWrangler(["d1", "migrations", "apply", "CONTROL_DB", ...local], env);
  await createOperator({ email: DEMO.operator, password: DEMO.password }, { args: local, env });

  console.log("Starting a router and two cells …");
  const server = await startDevServer({ port, configs, persistTo, env, onLine: console.log });
  await seedCells(port, pool, down);
  const stopClock = startCronClock(port, readConfig().triggers?.crons ?? [], console.log);
  console.log(welcome(port, relative(process.cwd(), state)));
  const reason = await server.ended;
  stopClock();
  return reason;
}

/** @throws Error for a name that no cell has: nothing would be down, and nobody would know why */
function cellThatIsDown(): string | undefined {
  const name = process.env.ROWHOUSE_DOWN || undefined;
  if (!name || LOCAL_CELLS.some((cell) => cell.name === name)) return name;
  throw new Error(`ROWHOUSE_DOWN names no cell: ${name}.`);
}

function welcome(port: number, state: string): string {
  const doors = LOCAL_CELLS.map(
    ({ name, tenant }) =>
      `  ${tenant}, in the cell ${name}   http://${tenant}.localhost:${port}/docs`,
  );
  return `
Rowhouse is ready on http://localhost:${port}: a router and ${LOCAL_CELLS.length} cells

${doors.join("\n")}
  The platform's door   http://localhost:${port}/docs

  Sign in with admin@<tenant>.test or, on the platform's door, ${DEMO.operator}; the README has the password.
  Ctrl-C stops it. The data is in ${state}; delete that directory to begin anew.
`;
}

await stayUntilStopped(start);
