import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";

const read = (...path: string[]) => readFileSync(join(ROOT, ...path), "utf8");
const sqlFiles = (kind: string) =>
  readdirSync(join(ROOT, "migrations", kind))
    .filter((name) => name.endsWith(".sql"))
    .sort();

/** A statement without comments, so that a word of warning is not taken for the deed. */
const bare = (sql: string) => sql.replaceAll(/--.*$/gm, "").replaceAll(/\/\*[\s\S]*?\*\//g, "");

/** What loses rows, or stops the release before from running on the new schema. */
const FORBIDDEN: Record<string, RegExp> = {
  "drops a table": /\bDROP\s+TABLE\b/i,
  "drops a column": /\bDROP\s+COLUMN\b/i,
  "renames, as a rebuild does": /\bRENAME\b/i,
  cascades: /\bON\s+DELETE\s+CASCADE\b/i,
  "switches foreign keys off": /\bPRAGMA\b/i,
  "deletes rows": /\bDELETE\s+FROM\b/i,
  "replaces rows": /\bREPLACE\s+INTO\b/i,
  "breaks the D1 object": /\bRAISE\s*\(\s*ROLLBACK\b/i,
};

describe.each(["tenant", "control"])("the %s migrations", (kind) => {
  it("only add", () => {
    for (const file of sqlFiles(kind)) {
      const sql = bare(read("migrations", kind, file)).replaceAll(/'[^']*'/g, "''");
      for (const [what, pattern] of Object.entries(FORBIDDEN)) {
        expect(pattern.test(sql), `${kind}/${file} ${what}`).toBe(false);
      }
    }
  });

  it("are those of drizzle's journal, numbered without a gap", () => {
    const journal = JSON.parse(read("migrations", kind, "meta", "_journal.json"));
    const tags = journal.entries.map(({ tag }: { tag: string }) => `${tag}.sql`);
    expect(sqlFiles(kind)).toEqual(tags);
    expect(tags.map((tag: string) => Number(tag.slice(0, 4)))).toEqual(
      tags.map((_: string, index: number) => index),
    );
  });

  it("put drizzle's breakpoint between statements, so that the migrator need not split", () => {
    for (const file of sqlFiles(kind)) {
      for (const part of read("migrations", kind, file).split("--> statement-breakpoint")) {
        const starts = bare(part).match(/^(CREATE|INSERT|ALTER|UPDATE|DROP)\b/gim) ?? [];
        expect(starts, `${kind}/${file}: ${part.slice(0, 60)}`).toHaveLength(1);
      }
    }
  });
});

describe("the list of tenant migrations that the Worker carries", () => {
  const source = read("src", "platform", "tenancy", "migrations.ts");
  it("is the folder, in its order", () => {
    const imports = [...source.matchAll(/^import (\w+) from ".*\/migrations\/tenant\/(.+)";$/gm)];
    const listed = [...source.matchAll(/\{ name: "(.+?)", sql: (\w+) \}/g)];
    expect(imports.map(([, , file]) => file)).toEqual(sqlFiles("tenant"));
    expect(listed.map(([, name]) => name)).toEqual(sqlFiles("tenant"));
    // Each name stands beside the text of its own file.
    expect(listed.map(([, , variable]) => variable)).toEqual(
      imports.map(([, variable]) => variable),
    );
  });
});
