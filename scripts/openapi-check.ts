/**
 * `npm run check:openapi`: docs/openapi.json is what the code generates, and passes Redocly's
 * recommended rules without a warning.
 */
import { generated, KEPT, kept } from "./lib/openapi-document.ts";
import { lint } from "./lib/openapi-lint.ts";

if (kept() !== (await generated())) {
  console.error("docs/openapi.json is not what the code generates: run `npm run openapi`.");
  process.exit(1);
}
const problems = lint(KEPT);
for (const line of problems) console.error(line);
if (problems.length > 0) process.exit(1);
console.log("The OpenAPI document is up to date, without errors and warnings.");
