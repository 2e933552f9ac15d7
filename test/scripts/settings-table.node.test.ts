import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";

const read = (...path: string[]) => readFileSync(join(ROOT, ...path), "utf8");

/** The keys of the schema, from its text: the Worker's sources do not all load outside workerd. */
function namesInSchema(source: string): string[] {
  return [...source.matchAll(/^ {4}([A-Z][A-Z_]+):/gm)].map(([, name = ""]) => name);
}

/** What stands in the first column of the settings table, one or several to a row. */
function namesInTable(page: string): string[] {
  const [section = ""] = /^## Settings\n[\s\S]*?(?=^## )/m.exec(page) ?? [];
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`(\w+)`/g)].map(nameOf));
}

const nameOf = ([, name = ""]: RegExpMatchArray) => name;

it("docs/operations.md explains every setting that src/env.ts reads, and no other", () => {
  const names = namesInSchema(read("src", "env.ts"));
  expect(names).toContain("MASTER_KEY");
  expect(namesInTable(read("docs", "operations.md")).sort()).toEqual(names.sort());
});

it(".dev.vars.example names settings that there are", () => {
  const names = namesInSchema(read("src", "env.ts"));
  const example = [...read(".dev.vars.example").matchAll(/^(?:# )?([A-Z][A-Z_]+)=/gm)].map(nameOf);
  expect(example).toContain("MASTER_KEY");
  expect(example.filter((name) => !names.includes(name))).toEqual([]);
});
