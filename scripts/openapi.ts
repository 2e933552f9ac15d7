/**
 * `npm run openapi`: writes docs/openapi.json, the document of all doors, from the code.
 *
 * It refuses a document that breaks clients of the last one. `npm run openapi -- --breaking "why"`
 * writes it all the same, and the breaks with the reason into docs/api-breaks.md.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { generated, keep, kept } from "./lib/openapi-document.ts";
import { judge } from "./lib/openapi-update.ts";
import { ROOT } from "./lib/paths.ts";

const { values } = parseArgs({ options: { breaking: { type: "string" } } });
const [before, after] = [kept(), await generated()];
const today = new Date().toISOString().slice(0, 10);
const { breaks, allowed, entry } = judge(before, after, values.breaking, today);

if (!allowed) {
  console.error(`This would break clients of docs/openapi.json:\n  ${breaks.join("\n  ")}
Keep what they rely on, or say why not: npm run openapi -- --breaking "reason"`);
  process.exit(1);
}
if (entry) appendFileSync(join(ROOT, "docs", "api-breaks.md"), entry);
if (before !== after) keep(after);
console.log(before === after ? "docs/openapi.json is up to date." : "Wrote docs/openapi.json.");
