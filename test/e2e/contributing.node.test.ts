import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GENERATED, ROOT } from "../../scripts/lib/paths.ts";
import { GOLDEN, rowOf } from "../isolation/golden.ts";

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
    "handlers.ts",
  ]);

  const folder = join(copy, "src", "features", "headcount");
  // Somebody who follows the page has it already.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, code] of files) {
    if (name !== "registry.ts" && name !== "handlers.ts") writeFileSync(join(folder, name), code);
  }
  const handlers = join(copy, "src", "features", "webhooks", "handlers.ts");
  writeFileSync(handlers, `${readFileSync(handlers, "utf8")}\n${files.get("handlers.ts") ?? ""}`);
  const sample = files.get("registry.ts") ?? "";
  const [imported] = /^import .*;$/m.exec(sample) ?? [""];
  const [entry] = /^ {2}\w+,$/m.exec(sample) ?? [""];
  const registry = join(copy, "src", "registry.ts");
  const lines = readFileSync(registry, "utf8").split("\n");
  const before = lines.filter((line) => !line.includes("headcount")).join("\n");
  const after = before.replace("export const routers: readonly Router[] = [", `$&\n${entry}`);
  expect(after).not.toBe(before);
  writeFileSync(registry, `${imported}\n${after}`);

  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = spawnSync(process.execPath, [tsc, "--noEmit", "-p", copy], {
    encoding: "utf8",
  });
  expect(stdout).toBe("");
  expect(status).toBe(0);
}, 60_000);

it("shows a row that the isolation matrix can read, for the operation of the page", () => {
  const page = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  const row = /^ *GET \/api\/v1\/headcount .*$/m.exec(page)?.[0] ?? "";
  // Everybody may read users, and on both doors as `GET /users` does.
  const users = GOLDEN.find(({ operation }) => operation === "GET /api/v1/users");
  expect(rowOf(row)).toEqual({ ...users, operation: "GET /api/v1/headcount" });
});

/** TypeScript samples, by the file that the paragraph above each of them names first. */
function samplesIn(page: string): Map<string, string> {
  const samples = new Map<string, string>();
  for (const match of page.matchAll(/([^\n]+(?:\n[^\n]+)*)\n\n```ts\n([\s\S]*?)```/g)) {
    const [, paragraph = "", code = ""] = match;
    samples.set(/`(?:[\w/]*\/)?([\w.]+\.ts)`/.exec(paragraph)?.[1] ?? paragraph, code);
  }
  return samples;
}
