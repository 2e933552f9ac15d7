/**
 * Writes down which fields Cloudflare's published API has for the calls that the stand-in knows
 * (test/support/cloudflare/published.json). Its source are the types of Cloudflare's own client, which
 * Cloudflare generates from the schema of its API:
 *
 *   npm pack cloudflare@7.1.0 && tar -xzf cloudflare-7.1.0.tgz
 *   node scripts/cloudflare-fields.ts package
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENDPOINTS } from "../test/support/cloudflare/endpoints.ts";
import { type Fields, fieldsOf, operationsIn } from "./lib/cloudflare-types.ts";
import { ROOT } from "./lib/paths.ts";

/** A call as Cloudflare publishes it. Fields inside of others are `settings.batch_size`. */
interface Published {
  query: Fields;
  body: Fields;
}

const [directory] = process.argv.slice(2);
if (!directory) throw new Error("Say the directory of the unpacked package.");

const wanted = new Set(
  ENDPOINTS.filter(({ wranglerOnly }) => !wranglerOnly).map(({ method, path }) => {
    return `${method} ${path.replace(/:\w+/g, "*")}`;
  }),
);
const found = new Map<string, Published>();
for (const path of globSync("resources/**/*.d.ts", { cwd: directory }).sort()) {
  const types = join(directory, path);
  for (const { call, params, placeOf } of operationsIn(types)) {
    if (!wanted.has(call) || found.has(call)) continue;
    const published: Published = { query: {}, body: {} };
    for (const [name, isRequired] of Object.entries(fieldsOf(types, params))) {
      const place = placeOf(name.split(".")[0] ?? "");
      if (place) published[place][name] = isRequired;
    }
    found.set(call, published);
  }
}
const missing = [...wanted].filter((call) => !found.has(call));
if (missing.length > 0) throw new Error(`Not published:\n${missing.join("\n")}`);

const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
const calls = Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
const file = join(ROOT, "test", "support", "cloudflare", "published.json");
writeFileSync(file, `${JSON.stringify({ source: `cloudflare@${version}`, calls }, null, 2)}\n`);
console.log(`${found.size} calls of cloudflare@${version}: ${file}`);
