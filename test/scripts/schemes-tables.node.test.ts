import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";
import { SCHEME_NAMES, SCHEMES } from "../../src/platform/signatures/schemes.ts";

/** Cells of the table that begins with this column, without its head. */
function tableOf(page: string, first: string): string[][] {
  const lines = readFileSync(join(ROOT, page), "utf8").split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${first} |`));
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(0, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const codeIn = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

it("README.md has each scheme, with its header and its tolerance", () => {
  const rows = tableOf("README.md", "scheme").map(([name, header, , time]) => ({
    name: codeIn(name)[0],
    header: codeIn(header)[0],
    seconds: /^(\d+) s$/.exec(time ?? "")?.[1],
  }));
  expect(rows).toEqual(
    SCHEME_NAMES.map((name) => {
      const { signature, clock, content } = SCHEMES[name];
      const signed = content.includes("timestamp") ? String(clock?.toleranceSeconds) : undefined;
      return { name, header: signature.header, seconds: signed };
    }),
  );
});

it("docs/security.md says of each scheme what it leaves unsigned", () => {
  const names = tableOf("docs/security.md", "scheme").flatMap(([cell]) => codeIn(cell));
  expect(names.sort()).toEqual([...SCHEME_NAMES].sort());
});
