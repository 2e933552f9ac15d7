/**
 * Renders wrangler.toml with a larger pool of tenant databases and prints where the result is.
 *
 *   node scripts/render-config.ts [--pool 200] [--out FILE]
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { LOCAL_POOL_SIZE } from "./lib/pool.ts";
import { writeConfig } from "./lib/render-config.ts";

const { values } = parseArgs({
  options: { pool: { type: "string" }, out: { type: "string" } },
});
const size = Number(values.pool ?? LOCAL_POOL_SIZE);
console.log(values.out ? writeConfig(size, resolve(values.out)) : writeConfig(size));
