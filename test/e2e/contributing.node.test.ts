import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GENERATED, ROOT } from "../../scripts/lib/paths.ts";

/** The feature that CONTRIBUTING.md walks through, added to a copy of the sources. */
let copy: string;

beforeAll(() => {
  mkdirSync(GENERATED, { recursive: true });
  // Inside the checkout, so that its packages are found.
  copy = mkdtempSync(join(GENERATED, "contributing-"));
  cpSync(join(ROOT, "src"), join(copy, "src"), { recursive: true });
  cpSync(join(ROOT, "migrations"), join(copy, "migrations"), { recursive: true });
  writeFileSync(
    join(copy, "tsconfig.json"),
    JSON.stringify({ extends: join(ROOT, "tsconfig.json"), include: ["src"] }),
  );
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

it("compiles as the page says", () => {
  const page = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  const files = samplesIn(page);
  expect([...files.keys()]).toEqual([
    "headcount.schemas.ts",
    "headcount.repository.ts",
    "headcount.service.ts",
    "headcount.routes.ts",
    "index.ts",
    "registry.ts",
  ]);

  const folder = join(copy, "src", "features", "headcount");
  mkdirSync(folder);
  for (const [name, code] of files) {
    if (name !== "registry.ts") writeFileSync(join(folder, name), code);
  }
  const line = /^ {2}(\w+),$/m.exec(files.get("registry.ts") ?? "")?.[1];
  const registry = join(copy, "src", "registry.ts");
  const before = readFileSync(registry, "utf8");
  const after = before.replace(
    /(export const routers: readonly Router\[\] = \[\n)/,
    `$1  ${line},\n`,
  );
  expect(after).not.toBe(before);
  writeFileSync(registry, `import { ${line} } from "./features/headcount/index.ts";\n${after}`);

  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = spawnSync(process.execPath, [tsc, "--noEmit", "-p", copy], {
    encoding: "utf8",
  });
  expect(stdout).toBe("");
  expect(status).toBe(0);
}, 60_000);

/** TypeScript samples, by the file that the paragraph above each of them names first. */
function samplesIn(page: string): Map<string, string> {
  const samples = new Map<string, string>();
  for (const match of page.matchAll(/([^\n]+(?:\n[^\n]+)*)\n\n```ts\n([\s\S]*?)```/g)) {
    const [, paragraph = "", code = ""] = match;
    samples.set(/`(?:[\w/]*\/)?([\w.]+\.ts)`/.exec(paragraph)?.[1] ?? paragraph, code);
  }
  return samples;
}
