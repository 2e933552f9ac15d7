import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkoutVersion } from "../../scripts/lib/deploy/version.ts";

let root: string;

const write = (path: string, text: string) => writeFileSync(join(root, path), text);

function git(...args: string[]): string {
  const who = ["-c", "user.name=Ada", "-c", "user.email=ada@acme.example"];
  const { status, stdout, stderr } = spawnSync("git", [...who, ...args], {
    cwd: root,
    encoding: "utf8",
  });
  expect(status, stderr).toBe(0);
  return stdout.trim();
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "rowhouse-version-"));
  vi.stubEnv("GIT_CEILING_DIRECTORIES", tmpdir());
  mkdirSync(join(root, "src", "features"), { recursive: true });
  mkdirSync(join(root, "migrations"));
  write("src/features/a.ts", "1");
  write("src/index.ts", "2");
  write("migrations/0.sql", "SELECT 1");
  write("wrangler.toml", "");
  write("package.json", '{"version":"1.2.0"}');
  write("package-lock.json", "{}");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

describe("the version of a checkout", () => {
  it("is told by its sources where there is no git", () => {
    const first = checkoutVersion(root);
    expect(first).toMatch(/^1\.2\.0\+sources\.[0-9a-f]{8}$/);
    write("notes.md", "no source");
    expect(checkoutVersion(root)).toBe(first);
    const versions = [first];
    for (const [path, text] of [
      ["src/features/a.ts", "3"],
      ["src/features/b.ts", "3"],
      ["migrations/0.sql", "SELECT 2"],
      ["wrangler.toml", "name = 'x'"],
      ["package-lock.json", "{ }"],
    ] as const) {
      write(path, text);
      versions.push(checkoutVersion(root));
    }
    expect(new Set(versions).size).toBe(versions.length);
  });

  it("is told by its commit, and by its sources too where they differ from it", () => {
    git("init", "--quiet");
    git("add", ".");
    git("commit", "--quiet", "--message", "All");
    const clean = `1.2.0+${git("rev-parse", "--short=12", "HEAD")}`;
    expect(checkoutVersion(root)).toBe(clean);
    write("notes.md", "nobody's");
    expect(checkoutVersion(root)).toBe(clean);
    const changed = ["3", "4"].map((text) => {
      write("src/index.ts", text);
      return checkoutVersion(root);
    });
    for (const version of changed) {
      expect(version.startsWith(`${clean}.changed.`)).toBe(true);
      // A tag of a Worker's version has 100 bytes at most.
      expect(version).toMatch(/\.[0-9a-f]{8}$/);
    }
    expect(changed[0]).not.toBe(changed[1]);
    write("src/index.ts", "2");
    expect(checkoutVersion(root)).toBe(clean);
  });
});
