import { userInfo } from "node:os";
import { destinationOf, isLoopback } from "../lib/dial.ts";
import { literal } from "../lib/operator.ts";
import { command, UsageError } from "./command.ts";
import { type Databases, deployedDatabases, localDatabases, type Place } from "./exec-databases.ts";
import { executionSql, type Outcome } from "./exec-sql.ts";
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
    if (!flags.local && !flags.remote && !isLoopback({ origin: destinationOf(env).origin })) {
      throw new UsageError(
        "ROWHOUSE_URL is not this machine: say --remote --env NAME, or --local for the databases here.",
      );
    }
    const databases = flags.remote ? deployedDatabases(flags.env, env) : localDatabases(env);
    const tenant = await find(databases, words.SLUG);
    const execution = { tenantId: tenant.id, statements, reason, user: userInfo().username };
    const { sql, outcomes } = await executionSql(execution);
    const results = outcomes(await databases.of(tenant)(sql));
    output.show(results, results.map(textOf).join("\n\n"));
    return 0;
  },
});

/** @throws Error for a person, when there is no such tenant */
async function find({ control }: Databases, slug: string): Promise<Place & { id: string }> {
  const [[row] = []] = await control(
    `SELECT id, cell, binding, state FROM tenants WHERE slug = ${literal(slug)};`,
  );
  if (!row) throw new Error(`There is no tenant "${slug}".`);
  if (row.state === "purged") throw new Error(`${slug} is purged: it has no database.`);
  return row as unknown as Place & { id: string };
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
