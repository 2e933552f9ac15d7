import { existsSync } from "node:fs";
import { join } from "node:path";
import { readEnvironment } from "../lib/deploy/fleet.ts";
import { controlDatabaseName, databaseName } from "../lib/deploy/names.ts";
import { LOCAL_CELLS, localCellConfig } from "../lib/local-cells.ts";
import { GENERATED, stateDirectory } from "../lib/paths.ts";
import { LOCAL_POOL_SIZE } from "../lib/pool.ts";
import { writeConfig } from "../lib/render-config.ts";
import { localHome, runWrangler, WranglerFailed } from "../lib/wrangler.ts";
import type { Row } from "./exec-sql.ts";

/** Runs SQL in one database. @returns the rows of each statement; @throws Error with what it said */
export type Ask = (sql: string) => Promise<Row[][]>;

/** Where a tenant lives, as the registry says. */
export interface Place {
  readonly cell: string;
  readonly binding: string;
}

/** The databases of a deployment, past its Workers. */
export interface Databases {
  readonly control: Ask;
  of(tenant: Place): Ask;
}

/** Those on this machine: of `npm start` or, in a state of theirs, of the cells of `npm run start:cells`. */
export function localDatabases(env: NodeJS.ProcessEnv): Databases {
  const state = stateDirectory(env);
  const home = localHome(state);
  const at = (binding: string, cell: string): Ask => {
    const ofCell = localCellConfig(state, cell);
    const config = existsSync(ofCell) ? ofCell : writeConfig(LOCAL_POOL_SIZE);
    const args = ["--local", "--persist-to", home.persistTo, "--config", config];
    return (sql) => execute(binding, sql, args, home.env);
  };
  const registry = at("CONTROL_DB", LOCAL_CELLS[0].name);
  return {
    control: (sql) =>
      registry(sql).catch((error: Error) => {
        throw /no such table: tenants/.test(error.message) ? new Error(nothingIn(state)) : error;
      }),
    of: ({ binding, cell }) => at(binding, cell),
  };
}

function nothingIn(state: string): string {
  return [
    `There are no tenants in ${state}.`,
    `ROWHOUSE_STATE names the directory to read; \`npm run start:cells\` has its own, ${join(GENERATED, "cells")}.`,
  ].join("\n");
}

/** Those of an environment of fleet.toml. */
export function deployedDatabases(name: string | undefined, env: NodeJS.ProcessEnv): Databases {
  const environment = readEnvironment(name);
  const home = localHome(stateDirectory(env));
  const at =
    (database: string): Ask =>
    (sql) =>
      execute(database, sql, ["--remote"], home.env);
  return {
    control: at(controlDatabaseName(environment)),
    of({ cell: name, binding }) {
      const cell = environment.cells.find((each) => each.name === name);
      if (!cell) throw new Error(`fleet.toml names no cell "${name}".`);
      return at(databaseName(environment, cell, binding));
    },
  };
}

async function execute(
  database: string,
  sql: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Row[][]> {
  try {
    const command = ["d1", "execute", database, ...args, "--json", "--yes", `--command=${sql}`];
    const output = await runWrangler(command, env);
    const results = JSON.parse(/^\[[\s\S]*/m.exec(output)?.[0] ?? "[]") as { results: Row[] }[];
    return results.map(({ results: rows }) => rows);
  } catch (error) {
    throw error instanceof WranglerFailed ? new Error(reasonIn(error.output)) : error;
  }
}

/** What went wrong, without what wrangler says around it. The cause may stand in its notes alone. */
export function reasonIn(output: string): string {
  const text = toldIn(output) ?? output.trim();
  if (/stale:/.test(text)) return "The database is another tenant's: nothing was changed.";
  return `Nothing was changed: ${text}`;
}

interface Told {
  readonly error: { readonly text: string; readonly notes?: readonly { readonly text: string }[] };
}

function toldIn(output: string): string | undefined {
  try {
    const { error } = JSON.parse(/^\{$[\s\S]*^\}$/m.exec(output)?.[0] ?? "") as Told;
    return [error, ...(error.notes ?? [])].map(({ text }) => text).join("\n  ");
  } catch {
    return undefined;
  }
}
