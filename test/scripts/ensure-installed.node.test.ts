import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/paths.ts";

// Plain JavaScript, because it runs before there is anything that could strip types.
const { reasonToInstall } = (await import(join(ROOT, "scripts", "ensure-installed.mjs"))) as {
  reasonToInstall: (root: string) => string | undefined;
};

type Packages = Record<string, { version?: string; integrity?: string; optional?: boolean }>;

const LOCK: Packages = {
  "": {},
  "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
  "node_modules/for-another-platform": { version: "1.0.0", optional: true },
};

describe("reasonToInstall", () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "rowhouse-install-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function reason(lock: Packages, installed?: Packages): string | undefined {
    writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages: lock }));
    if (installed) {
      mkdirSync(join(root, "node_modules"), { recursive: true });
      const record = join(root, "node_modules", ".package-lock.json");
      writeFileSync(record, JSON.stringify({ packages: installed }));
    }
    return reasonToInstall(root);
  }

  it("is that nothing is installed", () => {
    expect(reason(LOCK)).toContain("nothing is installed");
  });

  it("is that an installation was broken off, which leaves no record of it", () => {
    mkdirSync(join(root, "node_modules"));
    expect(reason(LOCK)).toContain("nothing is installed");
  });

  it("is a missing package", () => {
    expect(reason(LOCK, {})).toBe("node_modules/a is missing");
  });

  it("is another version", () => {
    const old = { "node_modules/a": { version: "0.9.0", integrity: "sha512-old" } };
    expect(reason(LOCK, old)).toBe("node_modules/a is 0.9.0, the lock file says 1.0.0");
  });

  it("is another package under the same version", () => {
    const other = { "node_modules/a": { version: "1.0.0", integrity: "sha512-b" } };
    expect(reason(LOCK, other)).toContain("node_modules/a");
  });

  it("is none when all is there, but for other platforms' packages", () => {
    const a = LOCK["node_modules/a"] as Packages[string];
    expect(reason(LOCK, { "node_modules/a": a })).toBeUndefined();
  });
});
