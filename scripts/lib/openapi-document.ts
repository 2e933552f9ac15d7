/** The OpenAPI document of all doors: generated from the code, and as it is kept in the repository. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./paths.ts";
import "./worker-modules.ts";

/** The document that clients were last promised. */
export const KEPT = join(ROOT, "docs", "openapi.json");

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
