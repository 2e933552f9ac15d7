/** The OpenAPI document of all doors: generated from the code, and as it is kept in the repository. */
import { readFileSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOT } from "./paths.ts";

/** The document that clients were last promised. */
export const KEPT = join(ROOT, "docs", "openapi.json");

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

/** The document that the code makes, as text. Needs no Worker: it only asks the routes. */
export async function generated(): Promise<string> {
  const [{ createApp }, { documentFor }] = await Promise.all([
    import("../../src/app.ts"),
    import("../../src/features/reference/index.ts"),
  ]);
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const document = documentFor(createApp().openAPIRegistry, "all", version);
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The document in the repository; undefined when there is none yet. */
export function kept(): string | undefined {
  try {
    return readFileSync(KEPT, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export function keep(text: string): void {
  writeFileSync(KEPT, text);
}
