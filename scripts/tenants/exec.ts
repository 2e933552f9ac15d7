import { userInfo } from "node:os";
import { readEnvironment } from "../lib/deploy/fleet.ts";
import { controlDatabaseName, databaseName } from "../lib/deploy/names.ts";
import { literal } from "../lib/operator.ts";
import { stateDirectory } from "../lib/paths.ts";
import { LOCAL_POOL_SIZE } from "../lib/pool.ts";
import { writeConfig } from "../lib/render-config.ts";
import { localHome, runWrangler, WranglerFailed } from "../lib/wrangler.ts";
import { command, UsageError } from "./command.ts";
import { executionSql, type Outcome, type Row } from "./exec-sql.ts";
import { statementsIn } from "./sql-statements.ts";
import { table } from "./terminal.ts";

export const exec = command({
  usage: 'exec SLUG --reason TEXT "SQL" [--local | --remote --env NAME]',
  summary:
    "Read or change rows of one tenant past the API, with wrangler's own rights; the tenant's log says so",
  words: ["SLUG", "SQL"],
  options: {
    reason: { type: "string" },
    local: { type: "boolean" },
    remote: { type: "boolean" },
    env: { type: "string" },
  },
  async run({ words, flags, output, env }) {
    const reason = flags.reason?.trim();
    if (!reason) throw new UsageError("It needs --reason.");
    if (flags.local && flags.remote) throw new UsageError("It is --local or --remote.");
    if (flags.env !== undefined && !flags.remote) throw new UsageError("--env goes with --remote.");
    const statements = statementsIn(words.SQL);
    const databases = flags.remote ? deployed(flags.env, env) : local(env);
    const tenant = await find(databases, words.SLUG);
    const execution = { tenantId: tenant.id, statements, reason, user: userInfo().username };
    const { sql, outcomes } = await executionSql(execution);
    const results = outcomes(await databases.run(databases.nameOf(tenant), sql));
    output.show(results, results.map(textOf).join("\n\n"));
    return 0;
  },
});

interface Place {
  readonly id: string;
  readonly cell: string;
  readonly binding: string;
}

/** Databases, and how wrangler reaches them. */
interface Databases {
  readonly control: string;
  nameOf(tenant: Place): string;
  /** @returns the rows of each statement */
  run(database: string, sql: string): Promise<Row[][]>;
}

/** Those of `npm start`. */
function local(env: NodeJS.ProcessEnv): Databases {
  const home = localHome(stateDirectory(env));
  const args = [
    "--local",
    "--persist-to",
    home.persistTo,
    "--config",
    writeConfig(LOCAL_POOL_SIZE),
  ];
  return {
    control: "CONTROL_DB",
    nameOf: ({ binding }) => binding,
    run: (database, sql) => execute(database, sql, args, home.env),
  };
}

/** Those of an environment of fleet.toml. */
function deployed(name: string | undefined, env: NodeJS.ProcessEnv): Databases {
  const environment = readEnvironment(name);
  const home = localHome(stateDirectory(env));
  return {
    control: controlDatabaseName(environment),
    nameOf({ cell: name, binding }) {
      const cell = environment.cells.find((each) => each.name === name);
      if (!cell) throw new Error(`fleet.toml names no cell "${name}".`);
      return databaseName(environment, cell, binding);
    },
    run: (database, sql) => execute(database, sql, ["--remote"], home.env),
  };
}

/** @throws Error for a person, when there is no such tenant */
async function find({ control, run }: Databases, slug: string): Promise<Place> {
  const sql = `SELECT id, cell, binding, state FROM tenants WHERE slug = ${literal(slug)};`;
  const [[row] = []] = await run(control, sql);
  if (!row) throw new Error(`There is no tenant "${slug}".`);
  if (row.state === "purged") throw new Error(`${slug} is purged: it has no database.`);
  return row as unknown as Place;
}

/** @throws Error with what the database said */
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

/** What went wrong, without what wrangler says around it. */
function reasonIn(output: string): string {
  const told = /"text":\s*("(?:[^"\\]|\\.)*")/.exec(output)?.[1];
  const text = told ? (JSON.parse(told) as string) : output.trim();
  if (/stale:/.test(text)) return "The database is another tenant's: nothing was changed.";
  return `Nothing was changed: ${text}`;
}

function textOf(outcome: Outcome): string {
  if ("changed" in outcome) return `${outcome.changed} rows changed.`;
  const [first] = outcome.rows;
  if (!first) return "No rows.";
  const columns = Object.keys(first);
  return table(
    columns,
    outcome.rows.map((row) => columns.map((name) => row[name])),
  );
}
