/** Lets Node load the Worker's sources, to ask them what there is. They can do no work there. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

// wrangler and vitest import `.sql` files as text; Node has to be told. Durable Objects are only named.
registerHooks({
  load(url, context, next) {
    if (url === "cloudflare:workers") {
      return { format: "module", source: "export class DurableObject {}", shortCircuit: true };
    }
    if (!url.endsWith(".sql")) return next(url, context);
    const text = JSON.stringify(readFileSync(fileURLToPath(url), "utf8"));
    return { format: "module", source: `export default ${text};`, shortCircuit: true };
  },
});
