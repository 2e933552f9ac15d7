/**
 * Writes the migrations that bring both databases up to their drizzle tables.
 *
 *   npm run db:generate [-- control|tenant] [--name what_changes]
 *
 * Read what comes out before committing it: drizzle-kit's table rebuild drops the children of a
 * referenced table on D1.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { ROOT } from "./lib/paths.ts";

const SETS = ["control", "tenant"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: "string" } },
});
const unknown = positionals.find((set) => !SETS.includes(set));
if (unknown !== undefined) {
  console.error(`There is no migration set "${unknown}"; there are: ${SETS.join(", ")}.`);
  process.exit(1);
}

for (const set of positionals.length > 0 ? positionals : SETS) {
  console.log(`\n${set}:`);
  const args = ["generate", ...(values.name ? ["--name", values.name] : [])];
  const { status } = spawnSync("drizzle-kit", args, {
    cwd: ROOT,
    stdio: "inherit",
    shell: process.platform === "win32",
    env: { ...process.env, ROWHOUSE_SCHEMA: set },
  });
  if (status !== 0) process.exit(status ?? 1);
}
